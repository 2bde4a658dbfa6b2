/*
 * Chroma averaged as in src/jpeg-kernel/downsample.ts, on signed samples: 128 times the number of samples that are averaged
 * goes through the shift, so that of all samples by 128 passes through it.
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
