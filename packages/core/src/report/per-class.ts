import type { ImageResult } from '../pipeline/collect.js';
import { proportion } from '../pipeline/summary/statistics.js';
import { verdicts } from '../tracking/run-diff.js';

/** Right verdicts on the images of one class, by one path of theirs to the model. */
interface Tally {
  images: number;
  right: number;
  /** Of the shares of an image's draws that are right. */
  squares: number;
  draws: number;
}

/** With fewer images a class, on average, a share of them says nothing. */
const IMAGES_A_CLASS = 2;

/** Top-1 accuracy class by class, on each path that metrics name (`clean`, `attacked/fgsm/float`, `defended/fgsm/jpeg`). */
export class PerClassCounter {
  readonly #classes = new Map<number, Map<string, Tally>>();
  #images = 0;

  add(image: ImageResult): void {
    if (image.dropped !== undefined) return;
    this.#images++;
    let paths = this.#classes.get(image.label);
    if (!paths) this.#classes.set(image.label, (paths = new Map<string, Tally>()));
    for (const [path, share] of Object.entries(verdicts(image))) {
      let tally = paths.get(path);
      if (!tally) paths.set(path, (tally = { images: 0, right: 0, squares: 0, draws: drawsOf(image, path) }));
      tally.images++;
      tally.right += share;
      tally.squares += share * share;
    }
  }

  /**
   * A row a class and path, classes by number: `class,name,path,images,accuracy,low,high`, the last two being the 95 %
   * interval. Undefined where there are too few images for their classes.
   *
   * @param names of the classes, by number
   */
  csv(names: readonly string[] = []): string | undefined {
    if (this.#classes.size === 0 || this.#images < IMAGES_A_CLASS * this.#classes.size) return undefined;
    const rows = [...this.#classes]
      .sort(([a], [b]) => a - b)
      .flatMap(([label, paths]) =>
        Array.from(paths, ([path, { images, right, squares, draws }]) => {
          const { share, low, high } = proportion(right, images, { squares, draws });
          return [label, quoted(names[label] ?? ''), path, images, share, low, high].join(',');
        }),
      );
    return ['class,name,path,images,accuracy,low,high', ...rows, ''].join('\n');
  }
}

function drawsOf({ cleanDefended, attacks }: ImageResult, path: string): number {
  const [kind, first, second] = path.split('/');
  if (kind === 'clean_defended') return cleanDefended?.[first!]?.length ?? 1;
  if (kind === 'defended') return attacks?.[first!]?.defended[second!]?.length ?? 1;
  return 1;
}

/** As RFC 4180 has it. */
function quoted(text: string): string {
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
