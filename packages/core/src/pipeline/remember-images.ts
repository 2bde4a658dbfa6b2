import { machineMemory } from '../files/machine-memory.js';
import type { Dataset, DatasetItem, Image } from '../plugin/contracts.js';

/** Bytes of decoded images that are kept in memory: some 900 photos of ImageNet's usual size, where there is enough of it. */
const BUDGET = Math.min(512 * 2 ** 20, machineMemory() / 32);

/**
 * The dataset, its images decoded once if they have room in `budget`: stages, epochs and the cells of a sweep ask for the same
 * ones again. Of a data set that is too large for it, as its first image tells, none are kept: a part would save little and
 * cost as much. Nobody may write to an image.
 *
 * @param budget bytes
 */
export function rememberImages(dataset: Dataset, budget = BUDGET): Dataset {
  const images = new Map<number, Image>();
  let left: number | undefined;
  const load = async (place: number, item: DatasetItem): Promise<Image> => {
    const known = images.get(place);
    if (known) return known;
    const image = await item.load();
    const { byteLength } = image.data;
    left ??= (dataset.size ?? 1) * byteLength > budget ? 0 : budget;
    if (byteLength > left || images.has(place)) return image;
    left -= byteLength;
    images.set(place, image);
    return image;
  };
  return {
    size: dataset.size,
    ...(dataset.classNames ? { classNames: dataset.classNames } : {}),
    ...(dataset.unchanged ? { unchanged: () => dataset.unchanged!() } : {}),
    fingerprint: () => dataset.fingerprint(),
    async *items() {
      let place = 0;
      for await (const item of dataset.items()) {
        const here = place++;
        const { id, label, path } = item;
        yield { id, label, path, load: () => load(here, item) };
      }
    },
  };
}
