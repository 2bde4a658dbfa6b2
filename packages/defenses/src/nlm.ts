export interface NonLocalMeansOptions {
  /** Side of the window of candidates, in pixels; odd. */
  readonly search: number;
  /** Side of the surroundings that are compared, in pixels; odd. */
  readonly patch: number;
  /** Root mean square difference of surroundings at which a weight is 1/e, in units of the pixels. */
  readonly strength: number;
}

/** exp(-36) is below what a sum of weights, which is 1 or more, can tell in 64 bits. */
const NOTHING = 36;

/**
 * Each pixel the mean of those in its window, weighed by exp(-d² / strength²), d² the mean square difference of their
 * surroundings over all three channels; edges mirrored without their outermost pixel (c b | a b c | b a). One shift at a
 * time, so that surroundings are summed up by sliding (Darbon et al. 2008), and for both pixels of a pair at once.
 *
 * @param pixels [height, width, 3]; @returns of the same form
 */
export function nonLocalMeans(
  pixels: Float32Array,
  height: number,
  width: number,
  { search, patch, strength }: NonLocalMeansOptions,
): Float64Array {
  const reach = search >> 1;
  const margin = reach + (patch >> 1);
  const padded = pad(pixels, height, width, margin);
  const row = (width + 2 * margin) * 3;
  // A pixel is like itself: weight 1.
  const means = { sums: Float64Array.from(pixels), weights: new Float64Array(height * width).fill(1) };
  const pairs = new PairWeights(padded, row, patch, 1 / (3 * patch * patch * strength * strength));
  for (let down = 0; down <= reach; down++) {
    for (let across = down === 0 ? 1 : -reach; across <= reach; across++) {
      // Pairs of which one at least is in the image: the first pixel may lie above, left or right of it.
      const left = Math.min(0, -across);
      const columns = width + Math.abs(across);
      const shift = down * row + across * 3;
      for (let y = -down; y < height; y++) {
        const start = (y + margin) * row + (left + margin) * 3;
        const weights = pairs.next(y === -down, start, columns, shift);
        if (y >= 0) addRow(means, y, width, weights, -left, padded, start + shift);
        if (y + down < height) addRow(means, y + down, width, weights, -left - across, padded, start);
      }
    }
  }
  const { sums, weights } = means;
  for (let i = 0; i < sums.length; i++) sums[i]! /= weights[Math.floor(i / 3)]!;
  return sums;
}

/** Adds to a row of means the pixels that stand in `padded` at `start`, both from column `first` of the weights on. */
function addRow(
  { sums, weights: total }: { readonly sums: Float64Array; readonly weights: Float64Array },
  y: number,
  width: number,
  weights: Float64Array,
  first: number,
  padded: Float64Array,
  start: number,
): void {
  for (let x = 0, i = y * width, from = start + 3 * first; x < width; x++, i++, from += 3) {
    const weight = weights[first + x]!;
    if (weight === 0) continue;
    total[i]! += weight;
    sums[3 * i]! += weight * padded[from]!;
    sums[3 * i + 1]! += weight * padded[from + 1]!;
    sums[3 * i + 2]! += weight * padded[from + 2]!;
  }
}

/** Weights of the pairs of pixels of one shift, row by row; sums over squares of pixels slide down and across. */
class PairWeights {
  readonly #columns: Float64Array;
  /** Squared differences of one row each, used in turn. */
  readonly #lines: readonly Float64Array[];
  readonly #weights: Float64Array;
  #row = 0;

  constructor(
    readonly padded: Float64Array,
    readonly row: number,
    readonly patch: number,
    readonly scale: number,
  ) {
    const most = row / 3;
    this.#columns = new Float64Array(most);
    this.#lines = Array.from({ length: patch }, () => new Float64Array(most));
    this.#weights = new Float64Array(most);
  }

  /**
   * The weights of one row, the next below the former or the first of a shift.
   *
   * @param start where in the padded image the first pixel stands, `shift` samples before the other of its pair
   */
  next(first: boolean, start: number, columns: number, shift: number): Float64Array {
    const { patch, scale } = this;
    const sums = this.#columns;
    const weights = this.#weights;
    const half = patch >> 1;
    const corner = start - half * (this.row + 3);
    const wide = columns + patch - 1;
    if (first) {
      sums.fill(0);
      for (const line of this.#lines) line.fill(0);
      for (let k = 0; k < patch - 1; k++) this.#slide(corner + k * this.row, wide, shift);
    }
    this.#slide(corner + (patch - 1) * this.row, wide, shift);
    let sum = 0;
    for (let x = 0; x < patch - 1; x++) sum += sums[x]!;
    for (let x = 0; x < columns; x++) {
      sum += sums[x + patch - 1]!;
      const distance = sum * scale;
      weights[x] = distance > NOTHING ? 0 : Math.exp(-distance);
      sum -= sums[x]!;
    }
    return weights;
  }

  /** A row more in the sums of columns, and the oldest less. */
  #slide(start: number, wide: number, shift: number): void {
    const { padded } = this;
    const sums = this.#columns;
    const line = this.#lines[this.#row++ % this.patch]!;
    for (let x = 0, from = start; x < wide; x++, from += 3) {
      const r = padded[from]! - padded[from + shift]!;
      const g = padded[from + 1]! - padded[from + shift + 1]!;
      const b = padded[from + 2]! - padded[from + shift + 2]!;
      const square = r * r + g * g + b * b;
      sums[x]! += square - line[x]!;
      line[x] = square;
    }
  }
}

function pad(pixels: Float32Array, height: number, width: number, margin: number): Float64Array {
  const columns = width + 2 * margin;
  const out = new Float64Array((height + 2 * margin) * columns * 3);
  for (let y = 0, to = 0; y < height + 2 * margin; y++) {
    const row = folded(y - margin, height) * width;
    for (let x = 0; x < columns; x++, to += 3) {
      const from = (row + folded(x - margin, width)) * 3;
      for (let c = 0; c < 3; c++) out[to + c] = pixels[from + c]!;
    }
  }
  return out;
}

/** The sample that stands at a place outside of 0 … length - 1. */
function folded(at: number, length: number): number {
  if (length === 1) return 0;
  const period = 2 * (length - 1);
  const inPeriod = ((at % period) + period) % period;
  return inPeriod < length ? inPeriod : period - inPeriod;
}
