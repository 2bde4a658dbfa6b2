import { even, odd } from './dct-constants';
import { zipHigh, zipHigh32, zipHigh64, zipLow, zipLow32, zipLow64 } from './lanes';
import { storeColumns, storeFlat } from './samples-out';

/*
 * The accurate inverse DCT; the plain TypeScript of it is src/jpeg/inverse-dct.ts. Most blocks keep few coefficients, so
 * there are four ways that differ in speed alone: the mean only, the 4×4 low frequencies, the lower half of the vertical
 * ones, and all.
 */

const ZERO = i64x2.splat(0);

/** Turns eight rows of i16 coefficients, dequantised, into 8×8 signed samples at `to`, rows `stride` bytes apart. */
// @ts-ignore: decorator
@inline
export function inverseIslow(
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
  scratch: usize,
): void {
  columns(x0, x1, x2, x3, x4, x5, x6, x7, false, scratch);
  rows(scratch, to, stride);
}

/** {@link inverseIslow} of a block whose other four rows are zero. */
// @ts-ignore: decorator
@inline
export function inverseIslowOfLower(
  x0: v128,
  x1: v128,
  x2: v128,
  x3: v128,
  to: usize,
  stride: usize,
  scratch: usize,
): void {
  const rest = v128.or(v128.or(x1, x2), x3);
  if (v128.any_true(zipHigh64(v128.or(rest, x0), ZERO))) {
    columns(x0, x1, x2, x3, ZERO, ZERO, ZERO, ZERO, true, scratch);
    rows(scratch, to, stride);
    return;
  }
  if (v128.any_true(v128.or(rest, v128.shr<u64>(x0, 16)))) {
    lowFrequencies(x0, x1, x2, x3, to, stride);
    return;
  }
  storeFlat((i16x8.extract_lane_s(x0, 0) + 4) >> 3, to, stride);
}

/** The first pass: down the columns, to eight rows of i16 at `scratch`. */
// @ts-ignore: decorator
@inline
function columns(
  x0: v128,
  x1: v128,
  x2: v128,
  x3: v128,
  x4: v128,
  x5: v128,
  x6: v128,
  x7: v128,
  half: bool,
  scratch: usize,
): void {
  const round = i32x4.splat(1 << 10);
  const z04 = zipLow(x0, x4);
  const z26 = zipLow(x2, x6);
  const h04 = zipHigh(x0, x4);
  const h26 = zipHigh(x2, x6);
  const sumL = i32x4.add(i32x4.dot_i16x8_s(z04, even(2)), round);
  const sumH = i32x4.add(i32x4.dot_i16x8_s(h04, even(2)), round);
  const difL = half ? sumL : i32x4.add(i32x4.dot_i16x8_s(z04, even(3)), round);
  const difH = half ? sumH : i32x4.add(i32x4.dot_i16x8_s(h04, even(3)), round);
  const lowL = i32x4.dot_i16x8_s(z26, even(0));
  const lowH = i32x4.dot_i16x8_s(h26, even(0));
  const highL = i32x4.dot_i16x8_s(z26, even(1));
  const highH = i32x4.dot_i16x8_s(h26, even(1));
  const z13 = zipLow(x1, x3);
  const h13 = zipHigh(x1, x3);
  const z57 = zipLow(x5, x7);
  const h57 = zipHigh(x5, x7);
  storeBoth(
    scratch,
    0,
    i32x4.add(sumL, lowL),
    i32x4.add(sumH, lowH),
    oddPart(z13, z57, 0, half),
    oddPart(h13, h57, 0, half),
  );
  storeBoth(
    scratch,
    1,
    i32x4.add(difL, highL),
    i32x4.add(difH, highH),
    oddPart(z13, z57, 1, half),
    oddPart(h13, h57, 1, half),
  );
  storeBoth(
    scratch,
    2,
    i32x4.sub(difL, highL),
    i32x4.sub(difH, highH),
    oddPart(z13, z57, 2, half),
    oddPart(h13, h57, 2, half),
  );
  storeBoth(
    scratch,
    3,
    i32x4.sub(sumL, lowL),
    i32x4.sub(sumH, lowH),
    oddPart(z13, z57, 3, half),
    oddPart(h13, h57, 3, half),
  );
}

// @ts-ignore: decorator
@inline
function oddPart(z13: v128, z57: v128, k: i32, half: bool): v128 {
  const first = i32x4.dot_i16x8_s(z13, odd(k, 0));
  return half ? first : i32x4.add(first, i32x4.dot_i16x8_s(z57, odd(k, 1)));
}

// @ts-ignore: decorator
@inline
function storeBoth(scratch: usize, k: usize, evenL: v128, evenH: v128, oddL: v128, oddH: v128): void {
  v128.store(scratch + (k << 4), narrow(i32x4.add(evenL, oddL), i32x4.add(evenH, oddH), 11));
  v128.store(scratch + ((7 - k) << 4), narrow(i32x4.sub(evenL, oddL), i32x4.sub(evenH, oddH), 11));
}

// @ts-ignore: decorator
@inline
function narrow(low: v128, high: v128, bits: i32): v128 {
  return i16x8.narrow_i32x4_s(i32x4.shr_s(low, bits), i32x4.shr_s(high, bits));
}

/** The second pass: along the rows at `scratch`, to samples. */
// @ts-ignore: decorator
@inline
function rows(scratch: usize, to: usize, stride: usize): void {
  const p0 = v128.load(scratch, 0);
  const p1 = v128.load(scratch, 16);
  const p2 = v128.load(scratch, 32);
  const p3 = v128.load(scratch, 48);
  const p4 = v128.load(scratch, 64);
  const p5 = v128.load(scratch, 80);
  const p6 = v128.load(scratch, 96);
  const p7 = v128.load(scratch, 112);
  const q0 = zipLow(p0, p1);
  const q1 = zipHigh(p0, p1);
  const q2 = zipLow(p2, p3);
  const q3 = zipHigh(p2, p3);
  const q4 = zipLow(p4, p5);
  const q5 = zipHigh(p4, p5);
  const q6 = zipLow(p6, p7);
  const q7 = zipHigh(p6, p7);
  const s0 = zipLow32(q0, q2);
  const s1 = zipHigh32(q0, q2);
  const s2 = zipLow32(q1, q3);
  const s3 = zipHigh32(q1, q3);
  const s4 = zipLow32(q4, q6);
  const s5 = zipHigh32(q4, q6);
  const s6 = zipLow32(q5, q7);
  const s7 = zipHigh32(q5, q7);
  lastPass(
    zipLow64(s0, s4),
    zipHigh64(s0, s4),
    zipLow64(s1, s5),
    zipHigh64(s1, s5),
    zipLow64(s2, s6),
    zipHigh64(s2, s6),
    zipLow64(s3, s7),
    zipHigh64(s3, s7),
    false,
    to,
    stride,
  );
}

// @ts-ignore: decorator
@inline
function lastPass(
  x0: v128,
  x1: v128,
  x2: v128,
  x3: v128,
  x4: v128,
  x5: v128,
  x6: v128,
  x7: v128,
  half: bool,
  to: usize,
  stride: usize,
): void {
  const round = i32x4.splat(1 << 17);
  const z04 = zipLow(x0, x4);
  const z26 = zipLow(x2, x6);
  const h04 = zipHigh(x0, x4);
  const h26 = zipHigh(x2, x6);
  const z13 = zipLow(x1, x3);
  const h13 = zipHigh(x1, x3);
  const z57 = zipLow(x5, x7);
  const h57 = zipHigh(x5, x7);
  const sumL = i32x4.add(i32x4.dot_i16x8_s(z04, even(2)), round);
  const sumH = i32x4.add(i32x4.dot_i16x8_s(h04, even(2)), round);
  const lowL = i32x4.dot_i16x8_s(z26, even(0));
  const lowH = i32x4.dot_i16x8_s(h26, even(0));
  const e0L = i32x4.add(sumL, lowL);
  const e0H = i32x4.add(sumH, lowH);
  const o0L = oddPart(z13, z57, 0, half);
  const o0H = oddPart(h13, h57, 0, half);
  const y0 = narrow(i32x4.add(e0L, o0L), i32x4.add(e0H, o0H), 18);
  const y7 = narrow(i32x4.sub(e0L, o0L), i32x4.sub(e0H, o0H), 18);
  const e3L = i32x4.sub(sumL, lowL);
  const e3H = i32x4.sub(sumH, lowH);
  const o3L = oddPart(z13, z57, 3, half);
  const o3H = oddPart(h13, h57, 3, half);
  const y3 = narrow(i32x4.add(e3L, o3L), i32x4.add(e3H, o3H), 18);
  const y4 = narrow(i32x4.sub(e3L, o3L), i32x4.sub(e3H, o3H), 18);
  const difL = half ? sumL : i32x4.add(i32x4.dot_i16x8_s(z04, even(3)), round);
  const difH = half ? sumH : i32x4.add(i32x4.dot_i16x8_s(h04, even(3)), round);
  const highL = i32x4.dot_i16x8_s(z26, even(1));
  const highH = i32x4.dot_i16x8_s(h26, even(1));
  const e1L = i32x4.add(difL, highL);
  const e1H = i32x4.add(difH, highH);
  const o1L = oddPart(z13, z57, 1, half);
  const o1H = oddPart(h13, h57, 1, half);
  const y1 = narrow(i32x4.add(e1L, o1L), i32x4.add(e1H, o1H), 18);
  const y6 = narrow(i32x4.sub(e1L, o1L), i32x4.sub(e1H, o1H), 18);
  const e2L = i32x4.sub(difL, highL);
  const e2H = i32x4.sub(difH, highH);
  const o2L = oddPart(z13, z57, 2, half);
  const o2H = oddPart(h13, h57, 2, half);
  const y2 = narrow(i32x4.add(e2L, o2L), i32x4.add(e2H, o2H), 18);
  const y5 = narrow(i32x4.sub(e2L, o2L), i32x4.sub(e2H, o2H), 18);
  storeColumns(y0, y1, y2, y3, y4, y5, y6, y7, to, stride);
}

/** Both passes where only the 4×4 lowest frequencies are left: lanes 0…3 of four rows. */
function lowFrequencies(x0: v128, x1: v128, x2: v128, x3: v128, to: usize, stride: usize): void {
  const round = i32x4.splat(1 << 10);
  const sum = i32x4.add(i32x4.dot_i16x8_s(zipLow(x0, ZERO), even(2)), round);
  const z2 = zipLow(x2, ZERO);
  const low = i32x4.dot_i16x8_s(z2, even(0));
  const high = i32x4.dot_i16x8_s(z2, even(1));
  const z13 = zipLow(x1, x3);
  const e0 = i32x4.add(sum, low);
  const e1 = i32x4.add(sum, high);
  const e2 = i32x4.sub(sum, high);
  const e3 = i32x4.sub(sum, low);
  const o0 = i32x4.dot_i16x8_s(z13, odd(0, 0));
  const o1 = i32x4.dot_i16x8_s(z13, odd(1, 0));
  const o2 = i32x4.dot_i16x8_s(z13, odd(2, 0));
  const o3 = i32x4.dot_i16x8_s(z13, odd(3, 0));
  // Each vector two rows of four lanes; then transposed.
  const n01 = narrow(i32x4.add(e0, o0), i32x4.add(e1, o1), 11);
  const n23 = narrow(i32x4.add(e2, o2), i32x4.add(e3, o3), 11);
  const n45 = narrow(i32x4.sub(e3, o3), i32x4.sub(e2, o2), 11);
  const n67 = narrow(i32x4.sub(e1, o1), i32x4.sub(e0, o0), 11);
  const t0 = zipLow(n01, n23);
  const t1 = zipHigh(n01, n23);
  const t2 = zipLow(n45, n67);
  const t3 = zipHigh(n45, n67);
  const v0 = zipLow(t0, t1);
  const v1 = zipHigh(t0, t1);
  const w0 = zipLow(t2, t3);
  const w1 = zipHigh(t2, t3);
  lastPass(
    zipLow64(v0, w0),
    zipHigh64(v0, w0),
    zipLow64(v1, w1),
    zipHigh64(v1, w1),
    ZERO,
    ZERO,
    ZERO,
    ZERO,
    true,
    to,
    stride,
  );
}
