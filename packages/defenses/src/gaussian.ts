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
 * @param weights an odd number of them
 */
export function convolve({ data, height, width }: FloatImage, weights: Float64Array): FloatImage {
  const { length } = weights;
  const rows = mirrored(height, length);
  const columns = mirrored(width, length);
  const row = width * 3;
  const sums = new Float64Array(row);
  const tall = new Float32Array(data.length);
  for (let y = 0; y < height; y++) {
    sums.fill(0);
    for (let k = 0; k < length; k++) {
      const weight = weights[k]!;
      for (let i = 0, from = rows[y + k]! * row; i < row; i++, from++) sums[i]! += weight * data[from]!;
    }
    tall.set(sums, y * row);
  }
  const out = new Float32Array(data.length);
  const line = new Float64Array(columns.length * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0, to = 0; x < columns.length; x++, to += 3) {
      const from = y * row + columns[x]! * 3;
      line[to] = tall[from]!;
      line[to + 1] = tall[from + 1]!;
      line[to + 2] = tall[from + 2]!;
    }
    sums.fill(0);
    for (let k = 0; k < length; k++) {
      const weight = weights[k]!;
      for (let i = 0, from = 3 * k; i < row; i++, from++) sums[i]! += weight * line[from]!;
    }
    out.set(sums, y * row);
  }
  return { data: out, height, width };
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
