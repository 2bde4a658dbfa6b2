import { inverseIfast } from './inverse-ifast';
import { inverseIslow, inverseIslowOfLower } from './inverse-islow';
import { storeFlat } from './samples-out';

const SCRATCH = memory.data(128, 16);
const FIRST = i16x8(-1, 0, 0, 0, 0, 0, 0, 0);

/** A block of 64 i16, times the dequantisers at `table`, to 8×8 signed samples at `to`, rows `stride` bytes apart. */
export function transform(coefficients: usize, table: usize, to: usize, stride: usize, fast: bool): void {
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
    if (v128.any_true(upper)) inverseIslow(x0, x1, x2, x3, x4, x5, x6, x7, to, stride, SCRATCH);
    else inverseIslowOfLower(x0, x1, x2, x3, to, stride, SCRATCH);
    return;
  }
  const rest = v128.or(v128.or(v128.andnot(x0, FIRST), x1), v128.or(x2, x3));
  if (v128.any_true(v128.or(rest, upper))) inverseIfast(x0, x1, x2, x3, x4, x5, x6, x7, to, stride, SCRATCH);
  else storeFlat(i16x8.extract_lane_s(x0, 0) >> 5, to, stride);
}

// @ts-ignore: decorator
@inline
function row(coefficients: usize, table: usize, k: usize): v128 {
  return i16x8.mul(v128.load(coefficients + (k << 4)), v128.load(table + (k << 4)));
}
