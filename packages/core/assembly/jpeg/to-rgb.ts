import { zipHigh, zipLow } from './lanes';

/*
 * Y, Cb and Cr to RGB, libjpeg's fixed point (src/jpeg/to-rgb.ts). All samples are signed here: 128 is 0.
 */

/** Eight signed samples each of Y, Cb and Cr (i16) to 24 bytes of interleaved RGB at `to`. */
// @ts-ignore: decorator
@inline
export function storeRgb8(luma: v128, blue: v128, red: v128, to: usize): void {
  // 1.402 = 1 + 13173/32768 and 1.772 = 2 - 7471/32768, to the last bit of libjpeg's tables for every sample.
  const r = i16x8.add(i16x8.add(luma, red), i16x8.q15mulr_sat_s(red, i16x8.splat(13173)));
  const b = i16x8.add(i16x8.add(luma, i16x8.shl(blue, 1)), i16x8.q15mulr_sat_s(blue, i16x8.splat(-7471)));
  // -0.34414 Cb - 0.71414 Cr: a whole Cr taken off, 0.28586 of it put back.
  const weights = i16x8(-22554, 18734, -22554, 18734, -22554, 18734, -22554, 18734);
  const half = i32x4.splat(1 << 15);
  const low = i32x4.shr_s(i32x4.add(i32x4.dot_i16x8_s(zipLow(blue, red), weights), half), 16);
  const high = i32x4.shr_s(i32x4.add(i32x4.dot_i16x8_s(zipHigh(blue, red), weights), half), 16);
  const g = i16x8.add(i16x8.sub(luma, red), i16x8.narrow_i32x4_s(low, high));

  const unsigned = i8x16.splat(-128);
  const rg = v128.xor(i8x16.narrow_i16x8_s(r, g), unsigned);
  const bb = v128.xor(i8x16.narrow_i16x8_s(b, b), unsigned);
  v128.store(
    to,
    v128.or(
      i8x16.swizzle(rg, i8x16(0, 8, -1, 1, 9, -1, 2, 10, -1, 3, 11, -1, 4, 12, -1, 5)),
      i8x16.swizzle(bb, i8x16(-1, -1, 0, -1, -1, 1, -1, -1, 2, -1, -1, 3, -1, -1, 4, -1)),
    ),
  );
  v128.store64_lane(
    to + 16,
    v128.or(
      i8x16.swizzle(rg, i8x16(13, -1, 6, 14, -1, 7, 15, -1, -1, -1, -1, -1, -1, -1, -1, -1)),
      i8x16.swizzle(bb, i8x16(-1, 5, -1, -1, 6, -1, -1, 7, -1, -1, -1, -1, -1, -1, -1, -1)),
    ),
    0,
  );
}
