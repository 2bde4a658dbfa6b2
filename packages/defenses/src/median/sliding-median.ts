import { mirrored } from './mirrored.js';
import { rank } from './ranks.js';

/** Ranks that share a bucket of the coarse histogram, as a power of two. */
const FINE_BITS = 6;
/** Coarse buckets that share one of the coarsest. */
const COARSE_BITS = 6;

/**
 * The median of a window of any size, that slides along each row: values go in and out of a histogram in three tiers
 * (after Huang, Yang and Tang 1979, with the values' ranks in place of grey levels). Images' edges are mirrored
 * (d c b a | a b c d | d c b a), however often a large window needs it. Of an even number of values the upper middle one
 * is taken; a window of even size reaches one further up and left; both as SciPy has it.
 *
 * @param bits [height, width, channels] row by row: whole numbers, 0 or more, in the order of the pixels' values
 * @param size height and width of the window; with `acrossChannels` also its depth
 */
export function slidingMedian(
  bits: Int32Array,
  height: number,
  width: number,
  channels: number,
  size: number,
  acrossChannels: boolean,
): Int32Array {
  const { values, ranks } = rank(bits);
  const out = new Int32Array(bits.length);
  const window = new RankWindow(values.length);
  const [rows, columns] = [mirrored(height, size), mirrored(width, size)];
  const depth = acrossChannels ? mirrored(channels, size) : undefined;
  const target = (size ** (depth ? 3 : 2)) >> 1;
  for (let channel = 0; channel < channels; channel++) {
    const taken = depth ? depth.subarray(channel, channel + size) : Int32Array.of(channel);
    const times = new Int32Array(channels);
    for (const c of taken) times[c]!++;
    const add = (y: number, column: number, sign: 1 | -1) => {
      for (let k = 0; k < size; k++) {
        const pixel = (rows[y + k]! * width + column) * channels;
        for (let c = 0; c < channels; c++) if (times[c] !== 0) window.add(ranks[pixel + c]!, sign * times[c]!);
      }
    };
    for (let y = 0; y < height; y++) {
      window.clear();
      for (let k = 0; k < size; k++) add(y, columns[k]!, 1);
      for (let x = 0; x < width; x++) {
        if (x > 0) {
          add(y, columns[x - 1]!, -1);
          add(y, columns[x + size - 1]!, 1);
        }
        out[(y * width + x) * channels + channel] = values[window.select(target)]!;
      }
    }
  }
  return out;
}

/** How often each rank is in the window, in three tiers, so that the one at a place is found without a long walk. */
class RankWindow {
  readonly #fine: Int32Array;
  readonly #coarse: Int32Array;
  readonly #coarsest: Int32Array;

  constructor(ranks: number) {
    this.#fine = new Int32Array(((ranks >> FINE_BITS) + 1) << FINE_BITS);
    this.#coarse = new Int32Array(((ranks >> (FINE_BITS + COARSE_BITS)) + 1) << COARSE_BITS);
    this.#coarsest = new Int32Array((ranks >> (FINE_BITS + COARSE_BITS)) + 1);
  }

  clear(): void {
    this.#fine.fill(0);
    this.#coarse.fill(0);
    this.#coarsest.fill(0);
  }

  add(rank: number, times: number): void {
    this.#fine[rank]! += times;
    this.#coarse[rank >> FINE_BITS]! += times;
    this.#coarsest[rank >> (FINE_BITS + COARSE_BITS)]! += times;
  }

  /** The rank below which there are at most `target` others, and with which there are more. */
  select(target: number): number {
    let left = target;
    let i = 0;
    while (left >= this.#coarsest[i]!) left -= this.#coarsest[i++]!;
    i <<= COARSE_BITS;
    while (left >= this.#coarse[i]!) left -= this.#coarse[i++]!;
    i <<= FINE_BITS;
    while (left >= this.#fine[i]!) left -= this.#fine[i++]!;
    return i;
  }
}
