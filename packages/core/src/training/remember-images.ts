import type { Dataset, DatasetItem, Image } from '../plugin/contracts.js';

/** Decoded images of one training that are kept in memory, in bytes; the rest is read again each epoch. */
const BUDGET = 512 * 2 ** 20;

/** The dataset's items, whose images are decoded once as far as the memory set aside for that goes. */
export async function rememberImages(dataset: Dataset): Promise<DatasetItem[]> {
  const items: DatasetItem[] = [];
  let left = BUDGET;
  for await (const item of dataset.items()) {
    let kept: Image | undefined;
    items.push({
      id: item.id,
      label: item.label,
      path: item.path,
      load: async () => {
        if (kept) return kept;
        const image = await item.load();
        if (image.data.byteLength <= left) {
          left -= image.data.byteLength;
          kept = image;
        }
        return image;
      },
    });
  }
  return items;
}
