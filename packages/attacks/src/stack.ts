import * as tf from '@tensorflow/tfjs-core';
import type { Tensor4D } from '@tensorflow/tfjs-core';

/** Images of one size, side by side: [n, h, w, 3], the caller's. */
export function stack(images: readonly Float32Array[], size: readonly [number, number, number]): Tensor4D {
  const values = new Float32Array(images.length * size[0] * size[1] * size[2]);
  images.forEach((image, row) => values.set(image, row * image.length));
  return tf.tensor4d(values, [images.length, ...size]);
}
