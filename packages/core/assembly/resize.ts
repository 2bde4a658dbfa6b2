/*
 * The two passes of src/images/resize-bytes.ts with SIMD, bytes to floats, and src/images/resize-tf1.ts: whole numbers, and
 * single operations of float32, so that what comes out is the same to the bit.
 * JavaScript calls `room`, lays the image and the taps out behind the address that it gives, and calls the passes. They
 * read and write up to 16 samples beyond an image's end.
 */

const PRECISION_BITS: i32 = 22;

/** Makes room for so many bytes and says where they start, or 0 where memory does not reach. */
export function room(bytes: usize): usize {
  const start = (__heap_base + 63) & ~63;
  const pages = <i32>((start + bytes + 0xffff) >>> 16);
  return pages <= memory.size() || memory.grow(pages - memory.size()) >= 0 ? start : 0;
}

/** [rows, from, 3] to [rows, to, 3]: the three channels of a pixel at once. */
export function across(
  source: usize,
  from: usize,
  rows: usize,
  out: usize,
  to: usize,
  size: usize,
  bounds: usize,
  fixed: usize,
): void {
  const half = i32x4.splat(1 << (PRECISION_BITS - 1));
  for (let y: usize = 0; y < rows; y++) {
    const line = source + y * from * 3;
    let weights = fixed;
    for (let x: usize = 0; x < to; x++, out += 3, weights += size << 2) {
      let s = line + <usize>load<i32>(bounds + (x << 3)) * 3;
      const end = weights + (<usize>load<i32>(bounds + (x << 3), 4) << 2);
      let sum = half;
      for (let weight = weights; weight < end; weight += 4, s += 3) {
        const pixel = i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(s)));
        sum = i32x4.add(sum, i32x4.mul(pixel, v128.load32_splat(weight)));
      }
      const cut = i32x4.shr_s(sum, PRECISION_BITS);
      const words = i16x8.narrow_i32x4_s(cut, cut);
      v128.store32_lane(out, i8x16.narrow_i16x8_u(words, words), 0);
    }
  }
}

/** [from, row] to [to, row], 16 bytes of a row at once. */
export function down(source: usize, row: usize, out: usize, to: usize, size: usize, bounds: usize, fixed: usize): void {
  const half = i32x4.splat(1 << (PRECISION_BITS - 1));
  for (let y: usize = 0; y < to; y++, out += row, fixed += size << 2) {
    const first = source + <usize>load<i32>(bounds + (y << 3)) * row;
    const end = fixed + (<usize>load<i32>(bounds + (y << 3), 4) << 2);
    for (let i: usize = 0; i < row; i += 16) {
      let a = half;
      let b = half;
      let c = half;
      let d = half;
      let s = first + i;
      for (let at = fixed; at < end; at += 4, s += row) {
        const bytes = v128.load(s);
        const low = i16x8.extend_low_i8x16_u(bytes);
        const high = i16x8.extend_high_i8x16_u(bytes);
        const weight = v128.load32_splat(at);
        a = i32x4.add(a, i32x4.mul(i32x4.extend_low_i16x8_u(low), weight));
        b = i32x4.add(b, i32x4.mul(i32x4.extend_high_i16x8_u(low), weight));
        c = i32x4.add(c, i32x4.mul(i32x4.extend_low_i16x8_u(high), weight));
        d = i32x4.add(d, i32x4.mul(i32x4.extend_high_i16x8_u(high), weight));
      }
      const ab = i16x8.narrow_i32x4_s(i32x4.shr_s(a, PRECISION_BITS), i32x4.shr_s(b, PRECISION_BITS));
      const cd = i16x8.narrow_i32x4_s(i32x4.shr_s(c, PRECISION_BITS), i32x4.shr_s(d, PRECISION_BITS));
      v128.store(out + i, i8x16.narrow_i16x8_u(ab, cd));
    }
  }
}

/** Bytes to k / 255 in float32, 16 at once. */
export function floats(source: usize, out: usize, count: usize): void {
  for (let i: usize = 0; i < count; i += 16, out += 64) {
    const bytes = v128.load(source + i);
    const low = i16x8.extend_low_i8x16_u(bytes);
    const high = i16x8.extend_high_i8x16_u(bytes);
    v128.store(out, level(i32x4.extend_low_i16x8_u(low)), 0);
    v128.store(out, level(i32x4.extend_high_i16x8_u(low)), 16);
    v128.store(out, level(i32x4.extend_low_i16x8_u(high)), 32);
    v128.store(out, level(i32x4.extend_high_i16x8_u(high)), 48);
  }
}

/** 1 / 255 in two floats, the first one of 16 bits, so that its product with a byte is exact. */
const LEVEL: f32 = 0.003921627998352051;
const LEVEL_REST: f32 = -5.9370901084321304e-8;

/** k / 255 as the quotient is rounded, for all 256 of k. Two products and a sum take less than half of what a division does. */
// @ts-ignore: decorator
@inline
function level(k: v128): v128 {
  const float = f32x4.convert_i32x4_s(k);
  return f32x4.add(f32x4.mul(float, f32x4.splat(LEVEL)), f32x4.mul(float, f32x4.splat(LEVEL_REST)));
}

/**
 * [.., from, 3], bytes or floats, to [height, width, 3], floats: each sample between four, at the places (low, high, part) of
 * its row and column; those of columns in bytes of a row of floats. `lines` has room for two rows of the result, each on its
 * row of the source, and for one of the source.
 */
export function corners(
  source: usize,
  bytes: bool,
  from: usize,
  out: usize,
  height: usize,
  width: usize,
  rows: usize,
  columns: usize,
  lines: usize,
): void {
  let upper = lines;
  let lower = upper + width * 12 + 16;
  const levels = lower + width * 12 + 16;
  let above = -1;
  let below = -1;
  for (let y: usize = 0; y < height; y++, rows += 12, out += width * 12) {
    const low = load<i32>(rows);
    const high = load<i32>(rows, 4);
    // Rows of the result that follow each other have rows of the source in common.
    if (low == below) {
      const other = upper;
      upper = lower;
      lower = other;
      below = above;
      above = low;
    }
    if (low != above) {
      line(source, bytes, from, low, levels, upper, width, columns);
      above = low;
    }
    if (high != low && high != below) {
      line(source, bytes, from, high, levels, lower, width, columns);
      below = high;
    }
    const second = high == low ? upper : lower;
    const down = v128.load32_splat(rows, 8);
    for (let i: usize = 0; i < width * 12; i += 16)
      v128.store(out + i, between(v128.load(upper + i), v128.load(second + i), down));
  }
}

/** Row `row` of the source between its columns. */
function line(
  source: usize,
  bytes: bool,
  from: usize,
  row: i32,
  levels: usize,
  out: usize,
  width: usize,
  columns: usize,
): void {
  let samples = source + <usize>row * from * 12;
  if (bytes) {
    floats(source + <usize>row * from * 3, levels, from * 3);
    samples = levels;
  }
  for (const end = columns + width * 12; columns < end; columns += 12, out += 12) {
    const left = v128.load(samples + load<u32>(columns));
    const right = v128.load(samples + load<u32>(columns, 4));
    v128.store(out, between(left, right, v128.load32_splat(columns, 8)));
  }
}

// @ts-ignore: decorator
@inline
function between(a: v128, b: v128, part: v128): v128 {
  return f32x4.add(a, f32x4.mul(f32x4.sub(b, a), part));
}
