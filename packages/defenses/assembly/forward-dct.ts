import { even, odd } from '../../core/assembly/jpeg/dct-constants';
import { zipHigh, zipHigh32, zipHigh64, zipLow, zipLow32, zipLow64, zipLow8, zipHigh8 } from '../../core/assembly/jpeg/lanes';

/*
 * The accurate forward DCT, eight rows or columns at once: lane i of vector k is value k of row (column) i. The plain
 * TypeScript of the same is src/jpeg-kernel/forward-dct.ts.
 */

/** Transforms the 8×8 signed samples at `from` (rows `stride` bytes apart) to 64 i16 coefficients times 8 at `to`. */
export function forwardDct(from: usize, stride: usize, to: usize): void {
  // Bytes transposed: the samples of column x of all rows become one vector.
  let row = from;
  const r0 = v128.load64_zero(row);
  const r1 = v128.load64_zero((row += stride));
  const r2 = v128.load64_zero((row += stride));
  const r3 = v128.load64_zero((row += stride));
  const r4 = v128.load64_zero((row += stride));
  const r5 = v128.load64_zero((row += stride));
  const r6 = v128.load64_zero((row += stride));
  const r7 = v128.load64_zero((row += stride));
  const a0 = zipLow8(r0, r4);
  const a1 = zipLow8(r1, r5);
  const a2 = zipLow8(r2, r6);
  const a3 = zipLow8(r3, r7);
  const b0 = zipLow8(a0, a2);
  const b1 = zipHigh8(a0, a2);
  const b2 = zipLow8(a1, a3);
  const b3 = zipHigh8(a1, a3);
  const c01 = zipLow8(b0, b2);
  const c23 = zipHigh8(b0, b2);
  const c45 = zipLow8(b1, b3);
  const c67 = zipHigh8(b1, b3);
  transform(
    i16x8.extend_low_i8x16_s(c01),
    i16x8.extend_high_i8x16_s(c01),
    i16x8.extend_low_i8x16_s(c23),
    i16x8.extend_high_i8x16_s(c23),
    i16x8.extend_low_i8x16_s(c45),
    i16x8.extend_high_i8x16_s(c45),
    i16x8.extend_low_i8x16_s(c67),
    i16x8.extend_high_i8x16_s(c67),
    true,
    to,
  );
  const p0 = v128.load(to, 0);
  const p1 = v128.load(to, 16);
  const p2 = v128.load(to, 32);
  const p3 = v128.load(to, 48);
  const p4 = v128.load(to, 64);
  const p5 = v128.load(to, 80);
  const p6 = v128.load(to, 96);
  const p7 = v128.load(to, 112);
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
  transform(
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
  );
}

// @ts-ignore: decorator
@inline
function transform(
  x0: v128,
  x1: v128,
  x2: v128,
  x3: v128,
  x4: v128,
  x5: v128,
  x6: v128,
  x7: v128,
  first: bool,
  to: usize,
): void {
  const s0 = i16x8.add(x0, x7);
  const d0 = i16x8.sub(x0, x7);
  const s1 = i16x8.add(x1, x6);
  const d1 = i16x8.sub(x1, x6);
  const s2 = i16x8.add(x2, x5);
  const d2 = i16x8.sub(x2, x5);
  const s3 = i16x8.add(x3, x4);
  const d3 = i16x8.sub(x3, x4);

  const outer = i16x8.add(s0, s3);
  const inner = i16x8.add(s1, s2);
  const sum = i16x8.add(outer, inner);
  const difference = i16x8.sub(outer, inner);
  if (first) {
    v128.store(to, i16x8.shl(sum, 2), 0);
    v128.store(to, i16x8.shl(difference, 2), 64);
  } else {
    const two = i16x8.splat(2);
    v128.store(to, i16x8.shr_s(i16x8.add(sum, two), 2), 0);
    v128.store(to, i16x8.shr_s(i16x8.add(difference, two), 2), 64);
  }

  const bits = first ? 11 : 15;
  const half = i32x4.splat(first ? 1 << 10 : 1 << 14);
  const outerDifference = i16x8.sub(s0, s3);
  const innerDifference = i16x8.sub(s1, s2);
  const evenLow = zipLow(outerDifference, innerDifference);
  const evenHigh = zipHigh(outerDifference, innerDifference);
  v128.store(to, turn(evenLow, evenHigh, even(0), half, bits), 32);
  v128.store(to, turn(evenLow, evenHigh, even(1), half, bits), 96);

  const low01 = zipLow(d0, d1);
  const high01 = zipHigh(d0, d1);
  const low23 = zipLow(d2, d3);
  const high23 = zipHigh(d2, d3);
  v128.store(to, turn2(low01, high01, low23, high23, odd(0, 0), odd(0, 1), half, bits), 16);
  v128.store(to, turn2(low01, high01, low23, high23, odd(1, 0), odd(1, 1), half, bits), 48);
  v128.store(to, turn2(low01, high01, low23, high23, odd(2, 0), odd(2, 1), half, bits), 80);
  v128.store(to, turn2(low01, high01, low23, high23, odd(3, 0), odd(3, 1), half, bits), 112);
}

// @ts-ignore: decorator
@inline
function turn(low: v128, high: v128, pair: v128, half: v128, bits: i32): v128 {
  return i16x8.narrow_i32x4_s(
    i32x4.shr_s(i32x4.add(i32x4.dot_i16x8_s(low, pair), half), bits),
    i32x4.shr_s(i32x4.add(i32x4.dot_i16x8_s(high, pair), half), bits),
  );
}

// @ts-ignore: decorator
@inline
function turn2(
  low01: v128,
  high01: v128,
  low23: v128,
  high23: v128,
  pair01: v128,
  pair23: v128,
  half: v128,
  bits: i32,
): v128 {
  const low = i32x4.add(i32x4.dot_i16x8_s(low01, pair01), i32x4.dot_i16x8_s(low23, pair23));
  const high = i32x4.add(i32x4.dot_i16x8_s(high01, pair01), i32x4.dot_i16x8_s(high23, pair23));
  return i16x8.narrow_i32x4_s(i32x4.shr_s(i32x4.add(low, half), bits), i32x4.shr_s(i32x4.add(high, half), bits));
}
