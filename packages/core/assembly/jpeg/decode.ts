import { doubleAcross, doubleBoth, doubleDown } from './doubling';
import { inverseIfast } from './inverse-ifast';
import { inverseIslow, inverseIslowOfLower } from './inverse-islow';
import { storeFlat } from './samples-out';
import { storeRgb8 } from './to-rgb';

export { huffmanTable } from './huffman-table';
export { turnWords, units } from './sequential';

/*
 * From the coefficients of a JPEG file to its pixels: what src/jpeg/decode-kernel.ts calls, row by row. JavaScript calls
 * `room`, lays coefficients and planes out behind the address that it gives, and calls the rest. Samples are signed here:
 * 128 is 0.
 */

/** Makes room for so many bytes and says where they start, or 0 where memory does not reach. */
export function room(bytes: f64): usize {
  const start = (__heap_base + 63) & ~63;
  const end = <f64>start + bytes;
  if (end > 4294901760.0) return 0;
  const pages = <i32>((<u64>end + 0xffff) >> 16);
  return pages <= memory.size() || memory.grow(pages - memory.size()) >= 0 ? start : 0;
}

/**
 * `count` blocks of 64 i16, one after another, times the dequantisers at `table`, to 8×8 samples beside each other at `to`.
 */
export function blocks(
  coefficients: usize,
  count: i32,
  table: usize,
  to: usize,
  stride: usize,
  scratch: usize,
  fast: bool,
): void {
  for (let i = 0; i < count; i++, coefficients += 128, to += 8) {
    const x0 = row(coefficients, table, 0);
    const x1 = row(coefficients, table, 1);
    const x2 = row(coefficients, table, 2);
    const x3 = row(coefficients, table, 3);
    const x4 = row(coefficients, table, 4);
    const x5 = row(coefficients, table, 5);
    const x6 = row(coefficients, table, 6);
    const x7 = row(coefficients, table, 7);
    const upper = v128.or(v128.or(x4, x5), v128.or(x6, x7));
    if (!fast) {
      if (v128.any_true(upper)) inverseIslow(x0, x1, x2, x3, x4, x5, x6, x7, to, stride, scratch);
      else inverseIslowOfLower(x0, x1, x2, x3, to, stride, scratch);
      continue;
    }
    const rest = v128.or(v128.or(v128.andnot(x0, FIRST), x1), v128.or(x2, x3));
    if (v128.any_true(v128.or(rest, upper))) inverseIfast(x0, x1, x2, x3, x4, x5, x6, x7, to, stride, scratch);
    else storeFlat(i16x8.extract_lane_s(x0, 0) >> 5, to, stride);
  }
}

const FIRST = i16x8(-1, 0, 0, 0, 0, 0, 0, 0);

// @ts-ignore: decorator
@inline
function row(coefficients: usize, table: usize, k: usize): v128 {
  return i16x8.mul(v128.load(coefficients + (k << 4)), v128.load(table + (k << 4)));
}

/** Repeats the first and the last of `width` samples of each row outwards, for the triangle filter. */
export function closeEdges(plane: usize, rows: i32, width: usize, stride: usize): void {
  for (let y = 0; y < rows; y++, plane += stride) {
    store<u8>(plane - 1, load<u8>(plane));
    store<u8>(plane + width, load<u8>(plane + width - 1));
  }
}

/**
 * One row of `width` pixels from Y, Cb and Cr; up to 21 bytes more are written.
 *
 * @param farther where chroma is halved down, bytes from its row to the other one that counts
 * @param down whether chroma is halved down
 * @param across whether it is halved across
 * @param below whether the other row is the next one
 */
export function rgbRow(
  luma: usize,
  blue: usize,
  red: usize,
  farther: usize,
  to: usize,
  width: i32,
  down: bool,
  across: bool,
  below: bool,
): void {
  const bias: i16 = below ? 2 : 1;
  for (let x = 0; x < width; x += 8, to += 24) {
    const y = v128.load_ext<i8>(luma + x);
    if (!across) {
      const cb = blue + x;
      const cr = red + x;
      if (down) storeRgb8(y, doubleDown(cb, cb + farther, bias), doubleDown(cr, cr + farther, bias), to);
      else storeRgb8(y, v128.load_ext<i8>(cb), v128.load_ext<i8>(cr), to);
      continue;
    }
    const cb = blue + (x >> 1) - 1;
    const cr = red + (x >> 1) - 1;
    if (down) storeRgb8(y, doubleBoth(cb, cb + farther), doubleBoth(cr, cr + farther), to);
    else storeRgb8(y, doubleAcross(cb), doubleAcross(cr), to);
  }
}

/** One row of `width` grey pixels; up to 45 bytes more are written. */
export function greyRow(luma: usize, to: usize, width: i32): void {
  for (let x = 0; x < width; x += 16, to += 48) {
    const grey = v128.xor(v128.load(luma + x), i8x16.splat(-128));
    v128.store(to, i8x16.swizzle(grey, i8x16(0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5)));
    v128.store(to, i8x16.swizzle(grey, i8x16(5, 5, 6, 6, 6, 7, 7, 7, 8, 8, 8, 9, 9, 9, 10, 10)), 16);
    v128.store(to, i8x16.swizzle(grey, i8x16(10, 11, 11, 11, 12, 12, 12, 13, 13, 13, 14, 14, 14, 15, 15, 15)), 32);
  }
}
