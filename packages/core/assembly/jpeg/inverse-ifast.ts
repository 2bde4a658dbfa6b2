import { zipHigh, zipHigh32, zipHigh64, zipLow, zipLow32, zipLow64 } from './lanes';
import { storeColumns } from './samples-out';

/*
 * The fast inverse DCT (Arai, Agui and Nakajima, 1988) in 16 bits that wrap; the plain TypeScript of it is
 * src/jpeg/inverse-dct.ts.
 */

/** Turns eight rows of i16 coefficients, dequantised, into 8×8 signed samples at `to`, rows `stride` bytes apart. */
// @ts-ignore: decorator
@inline
export function inverseIfast(
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
  pass(x0, x1, x2, x3, x4, x5, x6, x7, scratch);
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
  pass(
    zipLow64(s0, s4),
    zipHigh64(s0, s4),
    zipLow64(s1, s5),
    zipHigh64(s1, s5),
    zipLow64(s2, s6),
    zipHigh64(s2, s6),
    zipLow64(s3, s7),
    zipHigh64(s3, s7),
    scratch,
  );
  storeColumns(
    i16x8.shr_s(v128.load(scratch, 0), 5),
    i16x8.shr_s(v128.load(scratch, 16), 5),
    i16x8.shr_s(v128.load(scratch, 32), 5),
    i16x8.shr_s(v128.load(scratch, 48), 5),
    i16x8.shr_s(v128.load(scratch, 64), 5),
    i16x8.shr_s(v128.load(scratch, 80), 5),
    i16x8.shr_s(v128.load(scratch, 96), 5),
    i16x8.shr_s(v128.load(scratch, 112), 5),
    to,
    stride,
  );
}

/** value * constant / 256, cut; the constant's 8-bit fixed point given. The product's high half, taken in 32 bits. */
// @ts-ignore: decorator
@inline
function cut(value: v128, constant: i16): v128 {
  const shifted = i16x8.shl(value, 2);
  const factor = i16x8.splat(constant);
  return i16x8.narrow_i32x4_s(
    i32x4.shr_s(i32x4.extmul_low_i16x8_s(shifted, factor), 10),
    i32x4.shr_s(i32x4.extmul_high_i16x8_s(shifted, factor), 10),
  );
}

// @ts-ignore: decorator
@inline
function pass(x0: v128, x1: v128, x2: v128, x3: v128, x4: v128, x5: v128, x6: v128, x7: v128, to: usize): void {
  const sum = i16x8.add(x0, x4);
  const difference = i16x8.sub(x0, x4);
  const pair = i16x8.add(x2, x6);
  const turn = i16x8.sub(cut(i16x8.sub(x2, x6), 362), pair);
  const e0 = i16x8.add(sum, pair);
  const e1 = i16x8.add(difference, turn);
  const e2 = i16x8.sub(difference, turn);
  const e3 = i16x8.sub(sum, pair);

  const z13 = i16x8.add(x5, x3);
  const z10 = i16x8.sub(x5, x3);
  const z11 = i16x8.add(x1, x7);
  const z12 = i16x8.sub(x1, x7);
  const o0 = i16x8.add(z11, z13);
  const z5 = cut(i16x8.add(z10, z12), 473);
  const o1 = i16x8.sub(i16x8.add(i16x8.sub(cut(z10, -413), z10), z5), o0);
  const o2 = i16x8.sub(cut(i16x8.sub(z11, z13), 362), o1);
  const o3 = i16x8.add(i16x8.sub(cut(z12, 277), z5), o2);
  v128.store(to, i16x8.add(e0, o0), 0);
  v128.store(to, i16x8.add(e1, o1), 16);
  v128.store(to, i16x8.add(e2, o2), 32);
  v128.store(to, i16x8.sub(e3, o3), 48);
  v128.store(to, i16x8.add(e3, o3), 64);
  v128.store(to, i16x8.sub(e2, o2), 80);
  v128.store(to, i16x8.sub(e1, o1), 96);
  v128.store(to, i16x8.sub(e0, o0), 112);
}
