import type { FloatImage } from '@shield/core';
import { mirrored } from './median/mirrored.js';
import type { LineMap } from './separable.js';

/** Weights of a normal distribution cut off at `truncate` standard deviations, of sum 1; an odd number of them. */
export function gaussianWeights(sigma: number, truncate: number): Float64Array {
  const radius = Math.floor(truncate * sigma + 0.5);
  const weights = Float64Array.from({ length: 2 * radius + 1 }, (_, i) => Math.exp(-0.5 * ((i - radius) / sigma) ** 2));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}

/**
 * Down, then across; sums in double precision, 32 bits between the two; edges mirrored (d c b a | a b c d | d c b a).
 *
 * @param image [height, width, 3], floats
 * @param weights an odd number of them, the same from both ends
 */
export function convolve({ data, height, width }: FloatImage, weights: Float64Array): FloatImage {
  const row = width * 3;
  const margins = weights.length - 1;
  // A row with its margins holds all of the samples that its sums take; a column likewise.
  const columns = mirrored(width, weights.length);
  const rows = mirrored(height, weights.length);
  const tall = new Float32Array(data.length);
  const sums = new Float64Array(row);
  for (let y = 0; y < height; y++) {
    const start = (k: number) => rows[y + k]! * row;
    addUp(sums, data, weights, start);
    tall.set(sums, y * row);
  }
  const out = new Float32Array(data.length);
  const line = new Float32Array(row + margins * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0, to = 0; x < columns.length; x++, to += 3) {
      const from = y * row + columns[x]! * 3;
      line[to] = tall[from]!;
      line[to + 1] = tall[from + 1]!;
      line[to + 2] = tall[from + 2]!;
    }
    addUp(sums, line, weights, (k) => 3 * k);
    out.set(sums, y * row);
  }
  return { data: out, height, width };
}

/** Sums of lines, each from its own start, weighed; two lines of equal weight at a time. */
function addUp(sums: Float64Array, source: Float32Array, weights: Float64Array, start: (k: number) => number): void {
  const middle = weights.length >> 1;
  const centre = weights[middle]!;
  for (let i = 0, from = start(middle); i < sums.length; i++, from++) sums[i] = centre * source[from]!;
  for (let k = 0; k < middle; k++) {
    const weight = weights[k]!;
    for (let i = 0, a = start(k), b = start(2 * middle - k); i < sums.length; i++, a++, b++)
      sums[i]! += weight * (source[a]! + source[b]!);
  }
}

/** What {@link convolve} does to each line. */
export function convolving(length: number, weights: Float64Array): LineMap {
  const source = mirrored(length, weights.length);
  const out = new Float32Array(length * length);
  for (let i = 0; i < length; i++) {
    for (let k = 0; k < weights.length; k++) out[i * length + source[i + k]!]! += weights[k]!;
  }
  return { weights: out, from: length, to: length };
}
