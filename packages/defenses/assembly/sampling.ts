import { zipLow } from './lanes';

/*
 * Chroma sampling as in src/jpeg-kernel/sampling.ts, on signed samples: the filters' weights add up to a power of two that
 * divides 128 times itself, so the shift of all samples by 128 passes through them.
 */

/** Averages two full rows of `width` samples (a multiple of 16) 2×2 to one of half the width. */
export function halveBoth(upper: usize, lower: usize, to: usize, width: usize): void {
  const bias = i16x8(1, 2, 1, 2, 1, 2, 1, 2);
  for (let x: usize = 0; x < width; x += 16) {
    const sums = i16x8.add(
      i16x8.extadd_pairwise_i8x16_s(v128.load(upper + x)),
      i16x8.extadd_pairwise_i8x16_s(v128.load(lower + x)),
    );
    const means = i16x8.shr_s(i16x8.add(sums, bias), 2);
    v128.store64_lane(to + (x >> 1), i8x16.narrow_i16x8_s(means, means), 0);
  }
}

/** Averages pairs along one row. */
export function halveAcross(from: usize, to: usize, width: usize): void {
  const bias = i16x8(0, 1, 0, 1, 0, 1, 0, 1);
  for (let x: usize = 0; x < width; x += 16) {
    const sums = i16x8.extadd_pairwise_i8x16_s(v128.load(from + x));
    const means = i16x8.shr_s(i16x8.add(sums, bias), 1);
    v128.store64_lane(to + (x >> 1), i8x16.narrow_i16x8_s(means, means), 0);
  }
}

/** Eight samples of the triangle filter in both directions from six columns: `near` and `far` point one column before. */
// @ts-ignore: decorator
@inline
export function doubleBoth(near: usize, far: usize): v128 {
  const close = v128.load_ext<i8>(near);
  const column = i16x8.add(i16x8.add(close, close), i16x8.add(close, v128.load_ext<i8>(far)));
  const bias = i16x8(8, 7, 8, 7, 8, 7, 8, 7);
  return i16x8.shr_s(triangle(column, bias), 4);
}

/** Eight samples of the triangle filter across. */
// @ts-ignore: decorator
@inline
export function doubleAcross(near: usize): v128 {
  const bias = i16x8(1, 2, 1, 2, 1, 2, 1, 2);
  return i16x8.shr_s(triangle(v128.load_ext<i8>(near), bias), 2);
}

/** Three times each of the columns 1…4, twice, plus its neighbour on either side. */
// @ts-ignore: decorator
@inline
function triangle(columns: v128, bias: v128): v128 {
  const here = v128.shuffle<i16>(columns, columns, 1, 2, 3, 4, 5, 6, 7, 8);
  const after = v128.shuffle<i16>(columns, columns, 2, 3, 4, 5, 6, 7, 8, 9);
  const centre = zipLow(here, here);
  const sides = zipLow(columns, after);
  return i16x8.add(i16x8.add(i16x8.add(centre, centre), i16x8.add(centre, sides)), bias);
}
