import { zipHigh8, zipLow8 } from './lanes';

/** Writes 8×8 signed samples: vector k of i16 lanes is column k, lane i row i; clamped to -128…127. */
// @ts-ignore: decorator
@inline
export function storeColumns(
  x0: v128,
  x1: v128,
  x2: v128,
  x3: v128,
  x4: v128,
  x5: v128,
  x6: v128,
  x7: v128,
  to: usize,
  stride: usize,
): void {
  const n04 = i8x16.narrow_i16x8_s(x0, x4);
  const n15 = i8x16.narrow_i16x8_s(x1, x5);
  const n26 = i8x16.narrow_i16x8_s(x2, x6);
  const n37 = i8x16.narrow_i16x8_s(x3, x7);
  // Columns 0, 2 and 1, 3 of each row, then 0…3; the same of 4…7.
  const a02 = zipLow8(n04, n26);
  const a13 = zipLow8(n15, n37);
  const a46 = zipHigh8(n04, n26);
  const a57 = zipHigh8(n15, n37);
  const b0 = zipLow8(a02, a13);
  const b1 = zipHigh8(a02, a13);
  const c0 = zipLow8(a46, a57);
  const c1 = zipHigh8(a46, a57);
  const r01 = v128.shuffle<i32>(b0, c0, 0, 4, 1, 5);
  const r23 = v128.shuffle<i32>(b0, c0, 2, 6, 3, 7);
  const r45 = v128.shuffle<i32>(b1, c1, 0, 4, 1, 5);
  const r67 = v128.shuffle<i32>(b1, c1, 2, 6, 3, 7);
  let row = to;
  v128.store64_lane(row, r01, 0);
  v128.store64_lane((row += stride), r01, 1);
  v128.store64_lane((row += stride), r23, 0);
  v128.store64_lane((row += stride), r23, 1);
  v128.store64_lane((row += stride), r45, 0);
  v128.store64_lane((row += stride), r45, 1);
  v128.store64_lane((row += stride), r67, 0);
  v128.store64_lane((row += stride), r67, 1);
}

/** Writes an 8×8 block of one signed sample, clamped to -128…127. */
// @ts-ignore: decorator
@inline
export function storeFlat(value: i32, to: usize, stride: usize): void {
  const flat = i8x16.splat(<i8>min(max(value, -128), 127));
  let row = to;
  for (let y = 0; y < 8; y++, row += stride) v128.store64_lane(row, flat, 0);
}
