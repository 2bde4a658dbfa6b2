/*
 * The forward DCT of an 8×8 block (ITU T.81, A.3.3) by the algorithm of Loeffler, Ligtenberg and Moschytz (ICASSP 1989)
 * in libjpeg's accurate integer arithmetic: constants of 13 bits, rows first with 2 extra bits, then columns.
 */

const CONSTANT_BITS = 13;
const EXTRA_BITS = 2;

/** A constant in 13-bit fixed point. */
const fix = (value: number) => Math.round(value * (1 << CONSTANT_BITS));

/** Divides by 2^bits, to the nearest, halves up. */
const descale = (value: number, bits: number) => (value + (1 << (bits - 1))) >> bits;

/**
 * Transforms in place.
 *
 * @param block 64 samples minus 128, row by row; becomes the coefficients times 8, row by row (rows are vertical frequencies)
 */
export function forwardDct(block: Int32Array): void {
  for (let row = 0; row < 8; row++) transform(block, row * 8, 1, -EXTRA_BITS);
  for (let column = 0; column < 8; column++) transform(block, column, 8, EXTRA_BITS);
}

/** One pass over eight values; `bits` is what the results are divided by (negative: multiplied). */
function transform(block: Int32Array, start: number, step: number, bits: number): void {
  const at = (i: number) => block[start + i * step]!;
  const set = (i: number, value: number) => void (block[start + i * step] = value);
  const sums = [at(0) + at(7), at(1) + at(6), at(2) + at(5), at(3) + at(4)] as const;
  const differences = [at(0) - at(7), at(1) - at(6), at(2) - at(5), at(3) - at(4)] as const;

  const outer = sums[0] + sums[3];
  const inner = sums[1] + sums[2];
  set(0, bits < 0 ? (outer + inner) << -bits : descale(outer + inner, bits));
  set(4, bits < 0 ? (outer - inner) << -bits : descale(outer - inner, bits));

  const outerDifference = sums[0] - sums[3];
  const innerDifference = sums[1] - sums[2];
  const evenTurn = (outerDifference + innerDifference) * fix(0.5411961);
  set(2, descale(evenTurn + outerDifference * fix(0.765366865), CONSTANT_BITS + bits));
  set(6, descale(evenTurn - innerDifference * fix(1.847759065), CONSTANT_BITS + bits));

  const [d0, d1, d2, d3] = differences;
  const oddTurn = (d0 + d1 + d2 + d3) * fix(1.175875602);
  const z1 = -(d0 + d3) * fix(0.899976223);
  const z2 = -(d1 + d2) * fix(2.562915447);
  const z3 = oddTurn - (d3 + d1) * fix(1.96157056);
  const z4 = oddTurn - (d2 + d0) * fix(0.390180644);
  set(7, descale(d3 * fix(0.298631336) + z1 + z3, CONSTANT_BITS + bits));
  set(5, descale(d2 * fix(2.053119869) + z2 + z4, CONSTANT_BITS + bits));
  set(3, descale(d1 * fix(3.072711026) + z2 + z3, CONSTANT_BITS + bits));
  set(1, descale(d0 * fix(1.50132111) + z1 + z4, CONSTANT_BITS + bits));
}
