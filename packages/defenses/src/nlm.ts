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
 * time, so that surroundings are summed up by sliding (Darbon et al. 2008).
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
  const scale = 1 / (3 * patch * patch * strength * strength);
  const sums = new Float64Array(pixels.length);
  const weights = new Float64Array(height * width);
  const distances = new Float64Array(height * width);
  const slider = new Slider(height, width, patch);
  for (let down = -reach; down <= reach; down++) {
    for (let across = -reach; across <= reach; across++) {
      const shift = down * row + across * 3;
      slider.distances(padded, row, reach, shift, distances);
      for (let y = 0, i = 0; y < height; y++) {
        let from = (y + margin) * row + margin * 3 + shift;
        for (let x = 0; x < width; x++, i++, from += 3) {
          const distance = distances[i]! * scale;
          if (distance > NOTHING) continue;
          const weight = Math.exp(-distance);
          weights[i]! += weight;
          sums[3 * i]! += weight * padded[from]!;
          sums[3 * i + 1]! += weight * padded[from + 1]!;
          sums[3 * i + 2]! += weight * padded[from + 2]!;
        }
      }
    }
  }
  for (let i = 0; i < sums.length; i++) sums[i]! /= weights[Math.floor(i / 3)]!;
  return sums;
}

/** Sums of squared differences over squares that slide along an image. */
class Slider {
  readonly #columns: Float64Array;
  readonly #lines: readonly Float64Array[];

  constructor(
    readonly height: number,
    readonly width: number,
    readonly patch: number,
  ) {
    this.#columns = new Float64Array(width + patch - 1);
    // One line of squared differences for each row of the patch, used in turn.
    this.#lines = Array.from({ length: patch }, () => new Float64Array(width + patch - 1));
  }

  /** Between each pixel's surroundings and those `shift` samples away; `reach` pixels of the margin are for shifts. */
  distances(padded: Float64Array, row: number, reach: number, shift: number, out: Float64Array): void {
    const { height, width, patch } = this;
    const columns = this.#columns.fill(0);
    for (const line of this.#lines) line.fill(0);
    for (let y = 0; y < height + patch - 1; y++) {
      const line = this.#lines[y % patch]!;
      let from = (y + reach) * row + reach * 3;
      for (let x = 0; x < columns.length; x++, from += 3) {
        const r = padded[from]! - padded[from + shift]!;
        const g = padded[from + 1]! - padded[from + shift + 1]!;
        const b = padded[from + 2]! - padded[from + shift + 2]!;
        const square = r * r + g * g + b * b;
        columns[x]! += square - line[x]!;
        line[x] = square;
      }
      if (y < patch - 1) continue;
      let sum = 0;
      for (let x = 0; x < patch - 1; x++) sum += columns[x]!;
      for (let x = 0, to = (y - patch + 1) * width; x < width; x++, to++) {
        sum += columns[x + patch - 1]!;
        out[to] = sum;
        sum -= columns[x]!;
      }
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
