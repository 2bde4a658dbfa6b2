import { checkQuality } from './settings.js';

/** Quantisation tables in natural (row by row) order: 64 steps each, 1…255. */
export interface QuantisationTables {
  readonly luma: Uint8Array;
  readonly chroma: Uint8Array;
}

/** ITU T.81, table K.1. */
const LUMA = [
  16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51,
  87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101,
  72, 92, 95, 98, 112, 100, 103, 99,
];

/** ITU T.81, table K.2. */
const CHROMA = [
  17,
  18,
  24,
  47,
  99,
  99,
  99,
  99,
  18,
  21,
  26,
  66,
  99,
  99,
  99,
  99,
  24,
  26,
  56,
  99,
  99,
  99,
  99,
  99,
  47,
  66,
  99,
  99,
  99,
  99,
  99,
  99,
  ...Array<number>(32).fill(99),
];

/**
 * The example tables of ITU T.81, annex K, scaled as the Independent JPEG Group scales them: 50 leaves them as they are,
 * 100 makes every step 1, and steps are held to 1…255 (baseline).
 *
 * @param quality whole number in 1…100; throws a RangeError otherwise
 */
export function quantisationTables(quality: number): QuantisationTables {
  checkQuality(quality);
  const percent = quality < 50 ? Math.floor(5000 / quality) : 200 - 2 * quality;
  const scale = (steps: readonly number[]) =>
    Uint8Array.from(steps, (step) => Math.min(Math.max(Math.floor((step * percent + 50) / 100), 1), 255));
  return { luma: scale(LUMA), chroma: scale(CHROMA) };
}

/**
 * Quantises one block in place: to the nearest multiple of the step, halves away from zero.
 *
 * @param coefficients 64 DCT coefficients times 8, as forwardDct leaves them; becomes whole steps
 */
export function quantise(coefficients: Int32Array, steps: Uint8Array): void {
  for (let i = 0; i < 64; i++) {
    const step = 8 * steps[i]!;
    const size = Math.floor((Math.abs(coefficients[i]!) + step / 2) / step);
    coefficients[i] = coefficients[i]! < 0 ? -size : size;
  }
}
