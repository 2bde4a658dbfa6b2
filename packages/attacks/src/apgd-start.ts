import type { Random } from '@shield/core';

/**
 * A random point to start from, clipped to [0, 1]: in the cube of eps around the image (linf), or on the sphere of eps
 * (l2), as the authors of APGD have it.
 *
 * @param eps in [0, 1] units
 */
export function randomStart(
  clean: Float32Array,
  random: Random,
  { norm, eps }: { readonly norm: 'linf' | 'l2'; readonly eps: number },
): Float32Array {
  const change = Float64Array.from(clean, () => (norm === 'linf' ? 2 * random.uniform() - 1 : random.normal()));
  const scale = norm === 'linf' ? eps : eps / Math.sqrt(change.reduce((sum, value) => sum + value * value, 0));
  return clean.map((value, k) => Math.min(1, Math.max(0, value + scale * change[k]!)));
}
