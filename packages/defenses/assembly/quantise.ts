/*
 * Quantising and dequantising eight coefficients at once, with the tables of src/jpeg-kernel/kernel-tables.ts.
 */

/** Bytes from one part of a table to the next: reciprocals, scales, dequantisers, thresholds, 64 i16 each. */
const PART: usize = 128;
export const TABLE_BYTES: usize = 4 * PART;

/** Row `row` of the coefficients, quantised (to the nearest, halves away from zero) and dequantised. */
// @ts-ignore: decorator
@inline
export function quantisedRow(coefficients: usize, table: usize, row: usize): v128 {
  const at = row << 4;
  const value = v128.load(coefficients + at);
  const quotient = i16x8.q15mulr_sat_s(value, v128.load(table + at));
  // One less where it is negative: then halves go away from zero there too.
  const biased = i16x8.add(quotient, i16x8.shr_s(value, 15));
  const steps = i16x8.q15mulr_sat_s(biased, v128.load(table + PART + at));
  return i16x8.mul(steps, v128.load(table + 2 * PART + at));
}

/** All ones in each lane of a row that does not quantise to zero. */
// @ts-ignore: decorator
@inline
export function survives(coefficients: usize, table: usize, row: usize): v128 {
  const at = row << 4;
  return i16x8.gt_s(i16x8.abs(v128.load(coefficients + at)), v128.load(table + 3 * PART + at));
}
