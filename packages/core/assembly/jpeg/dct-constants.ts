/*
 * Constants of the accurate DCT (Loeffler, Ligtenberg and Moschytz, ICASSP 1989) with 13 bits, as pairs for
 * i32x4.dot_i16x8_s. The algorithm's shared products are multiplied out: sums of whole numbers are the same in any order.
 */

const C0_541: i16 = 4433;
const C0_765: i16 = 6270;
const C1_847: i16 = 15137;
const C1_175: i16 = 9633;
const C0_899: i16 = 7373;
const C2_562: i16 = 20995;
const C1_961: i16 = 16069;
const C0_390: i16 = 3196;
const C0_298: i16 = 2446;
const C2_053: i16 = 16819;
const C3_072: i16 = 25172;
const C1_501: i16 = 12299;

const A: i16 = C1_501 - C0_899 - C0_390 + C1_175;
const B: i16 = C1_175;
const C: i16 = C1_175 - C0_390;
const D: i16 = C1_175 - C0_899;
const E: i16 = C3_072 - C2_562 - C1_961 + C1_175;
const F: i16 = C1_175 - C2_562;
const G: i16 = C1_175 - C1_961;
const H: i16 = C2_053 - C2_562 - C0_390 + C1_175;
const I: i16 = C0_298 - C0_899 - C1_961 + C1_175;

const P: i16 = C0_541 + C0_765;
const Q: i16 = C0_541 - C1_847;
const ONE: i16 = 1 << 13;

// prettier-ignore
const TABLE = memory.data<i16>(
  [
    // Even: (2, 6) twice, then (0, 4) twice.
    P, C0_541, P, C0_541, P, C0_541, P, C0_541,
    C0_541, Q, C0_541, Q, C0_541, Q, C0_541, Q,
    ONE, ONE, ONE, ONE, ONE, ONE, ONE, ONE,
    ONE, -ONE, ONE, -ONE, ONE, -ONE, ONE, -ONE,
    // Odd: (1, 3) and (5, 7) for each of four. The matrix is its own transpose.
    A, B, A, B, A, B, A, B,  C, D, C, D, C, D, C, D,
    B, E, B, E, B, E, B, E,  F, G, F, G, F, G, F, G,
    C, F, C, F, C, F, C, F,  H, B, H, B, H, B, H, B,
    D, G, D, G, D, G, D, G,  B, I, B, I, B, I, B, I,
  ],
  16,
);

/** Pairs for the even part, `i` of 0…3. */
// @ts-ignore: decorator
@inline
export function even(i: i32): v128 {
  return v128.load(TABLE + (i << 4));
}

/** Pairs for output `k` of 0…3 of the odd part; `half` 0 for the inputs 1 and 3, 1 for 5 and 7. */
// @ts-ignore: decorator
@inline
export function odd(k: i32, half: i32): v128 {
  return v128.load(TABLE + 64 + (k << 5) + (half << 4));
}
