import type { Image } from '@shield/core';

/** The floats of an image that a defense of floats is given; anything else is a fault of the caller. */
export function floatPixels({ data }: Image): Float32Array {
  if (data instanceof Float32Array) return data;
  throw new TypeError('this defense takes float pixels in [0, 1], not bytes');
}

/** float32 [0, 1] of any numbers: what leaves the range by rounding or overshoot is cut. */
export function clippedFloats(values: ArrayLike<number>): Float32Array {
  const out = new Float32Array(values.length);
  for (let i = 0; i < out.length; i++) {
    const value = values[i]!;
    out[i] = value > 0 ? (value < 1 ? value : 1) : 0;
  }
  return out;
}
