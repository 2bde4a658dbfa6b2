/*
 * RGB to Y, Cb and Cr, libjpeg's fixed point (src/jpeg-kernel/from-rgb.ts). All samples are signed here: 128 is 0.
 */

/** 16 interleaved RGB pixels at `from` (52 bytes are read) to 16 samples each of Y, Cb and Cr. */
// @ts-ignore: decorator
@inline
export function convert16(from: usize, luma: usize, blue: usize, red: usize): void {
  // Bytes of four pixels spread to pairs of 16 bits: R with G, B with G.
  const redGreen = i8x16(0, -1, 1, -1, 3, -1, 4, -1, 6, -1, 7, -1, 9, -1, 10, -1);
  const blueGreen = i8x16(2, -1, 1, -1, 5, -1, 4, -1, 8, -1, 7, -1, 11, -1, 10, -1);
  const p0 = v128.load(from, 0);
  const p1 = v128.load(from, 12);
  const p2 = v128.load(from, 24);
  const p3 = v128.load(from, 36);
  const rg0 = i8x16.swizzle(p0, redGreen);
  const rg1 = i8x16.swizzle(p1, redGreen);
  const rg2 = i8x16.swizzle(p2, redGreen);
  const rg3 = i8x16.swizzle(p3, redGreen);
  const bg0 = i8x16.swizzle(p0, blueGreen);
  const bg1 = i8x16.swizzle(p1, blueGreen);
  const bg2 = i8x16.swizzle(p2, blueGreen);
  const bg3 = i8x16.swizzle(p3, blueGreen);

  // 0.587 G is too large for 16 bits: a quarter of G comes with B.
  const lumaRedGreen = i16x8(19595, 22086, 19595, 22086, 19595, 22086, 19595, 22086);
  const lumaBlueGreen = i16x8(7471, 16384, 7471, 16384, 7471, 16384, 7471, 16384);
  const half = i32x4.splat((1 << 15) - (128 << 16));
  v128.store(
    luma,
    narrow4(
      sum(rg0, bg0, lumaRedGreen, lumaBlueGreen, half),
      sum(rg1, bg1, lumaRedGreen, lumaBlueGreen, half),
      sum(rg2, bg2, lumaRedGreen, lumaBlueGreen, half),
      sum(rg3, bg3, lumaRedGreen, lumaBlueGreen, half),
    ),
  );

  // One half is too large as well, minus one half is not: chroma is taken from the rounding, not added to it.
  const hair = i32x4.splat((1 << 15) - 1);
  const blueRedGreen = i16x8(11059, 21709, 11059, 21709, 11059, 21709, 11059, 21709);
  const blueBlueGreen = i16x8(-32768, 0, -32768, 0, -32768, 0, -32768, 0);
  v128.store(
    blue,
    narrow4(
      difference(rg0, bg0, blueRedGreen, blueBlueGreen, hair),
      difference(rg1, bg1, blueRedGreen, blueBlueGreen, hair),
      difference(rg2, bg2, blueRedGreen, blueBlueGreen, hair),
      difference(rg3, bg3, blueRedGreen, blueBlueGreen, hair),
    ),
  );
  const redRedGreen = i16x8(-32768, 27439, -32768, 27439, -32768, 27439, -32768, 27439);
  const redBlueGreen = i16x8(5329, 0, 5329, 0, 5329, 0, 5329, 0);
  v128.store(
    red,
    narrow4(
      difference(rg0, bg0, redRedGreen, redBlueGreen, hair),
      difference(rg1, bg1, redRedGreen, redBlueGreen, hair),
      difference(rg2, bg2, redRedGreen, redBlueGreen, hair),
      difference(rg3, bg3, redRedGreen, redBlueGreen, hair),
    ),
  );
}

// @ts-ignore: decorator
@inline
function sum(redGreen: v128, blueGreen: v128, a: v128, b: v128, rounding: v128): v128 {
  const weighed = i32x4.add(i32x4.dot_i16x8_s(redGreen, a), i32x4.dot_i16x8_s(blueGreen, b));
  return i32x4.shr_s(i32x4.add(weighed, rounding), 16);
}

// @ts-ignore: decorator
@inline
function difference(redGreen: v128, blueGreen: v128, a: v128, b: v128, rounding: v128): v128 {
  const weighed = i32x4.add(i32x4.dot_i16x8_s(redGreen, a), i32x4.dot_i16x8_s(blueGreen, b));
  return i32x4.shr_s(i32x4.sub(rounding, weighed), 16);
}

// @ts-ignore: decorator
@inline
function narrow4(a: v128, b: v128, c: v128, d: v128): v128 {
  return i8x16.narrow_i16x8_s(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, d));
}
