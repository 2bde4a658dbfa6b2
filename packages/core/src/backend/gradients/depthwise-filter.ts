import type * as TF from '@tensorflow/tfjs-core';
import { windows } from './windows.js';

/**
 * Gradient of a depthwise convolution with respect to its kernel: for each place of the kernel, the sum over images and
 * pixels of the input values that it meets times the gradient at the output.
 *
 * @param x [n, height, width, channels]
 * @param dy [n, output height, output width, channels · multiplier]
 * @returns [kernel height, kernel width, channels, multiplier]
 */
export function depthwiseFilterGradient(
  tf: typeof TF,
  x: TF.Tensor4D,
  dy: TF.Tensor4D,
  info: TF.backend_util.Conv2DInfo,
): TF.Tensor4D {
  const [, , channels, multiplier] = info.filterShape;
  const gradient = tf.reshape(dy, [-1, channels, multiplier]);
  const places: TF.Tensor[] = [];
  for (const window of windows(tf, x, info)) {
    places.push(tf.sum(tf.mul(tf.reshape(window, [-1, channels, 1]), gradient), 0));
  }
  return tf.reshape(tf.stack(places), info.filterShape);
}
