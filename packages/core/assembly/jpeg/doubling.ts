import { zipLow } from './lanes';

/*
 * Chroma brought to full size as in src/jpeg/upsample.ts, on signed samples: the filters' weights add up to a power of two
 * that divides 128 times itself, so the shift of all samples by 128 passes through them.
 */

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

/** Eight samples of the triangle filter down; `bias` 1 above the near row's middle, 2 below it. */
// @ts-ignore: decorator
@inline
export function doubleDown(near: usize, far: usize, bias: i16): v128 {
  const close = v128.load_ext<i8>(near);
  const sum = i16x8.add(i16x8.add(close, close), i16x8.add(close, v128.load_ext<i8>(far)));
  return i16x8.shr_s(i16x8.add(sum, i16x8.splat(bias)), 2);
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
