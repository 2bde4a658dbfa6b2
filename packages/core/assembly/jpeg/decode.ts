import { doubleAcross, doubleBoth, doubleDown } from './doubling';
import { storeRgb8 } from './to-rgb';
import { transform } from './transform';

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
export function blocks(coefficients: usize, count: i32, table: usize, to: usize, stride: usize, fast: bool): void {
  for (let i = 0; i < count; i++, coefficients += 128, to += 8) transform(coefficients, table, to, stride, fast);
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
