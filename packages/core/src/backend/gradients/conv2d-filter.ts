import type * as TF from '@tensorflow/tfjs-core';
import { windows } from './windows.js';

/**
 * Gradient of a convolution with respect to its kernel: for each place of the kernel, the input values that it meets
 * times the gradient at the output, as one matrix product.
 *
 * @param x [n, height, width, channels]
 * @param dy [n, output height, output width, filters]
 * @returns [kernel height, kernel width, channels, filters]
 */
export function conv2dFilterGradient(
  tf: typeof TF,
  x: TF.Tensor4D,
  dy: TF.Tensor4D,
  info: TF.backend_util.Conv2DInfo,
): TF.Tensor4D {
  const flat = tf.reshape(dy, [-1, info.outChannels]);
  const places: TF.Tensor2D[] = [];
  for (const window of windows(tf, x, info)) {
    // Transposed beforehand: WebAssembly's fast product takes matrices as they lie.
    const values = tf.transpose(tf.reshape(window, [-1, info.inChannels]));
    places.push(tf.matMul(values, flat));
  }
  return tf.reshape(tf.stack(places), info.filterShape);
}
