import type * as TF from '@tensorflow/tfjs-core';
import { spreadAndPad } from './spread.js';

/**
 * Gradient of a convolution with respect to its input. A 1×1 kernel is one matrix product; else the gradient is
 * convolved with the kernel turned by 180° and its channels exchanged.
 *
 * @param dy [n, output height, output width, filters]
 * @param filter [kernel height, kernel width, channels, filters]
 * @returns [n, height, width, channels]
 */
export function conv2dInputGradient(
  tf: typeof TF,
  dy: TF.Tensor4D,
  filter: TF.Tensor4D,
  info: TF.backend_util.Conv2DInfo,
): TF.Tensor4D {
  if (isPointwise(info)) {
    const [, , channels, filters] = filter.shape;
    const turned = tf.transpose(tf.reshape(filter, [channels, filters]));
    return tf.reshape(tf.matMul(tf.reshape(dy, [-1, filters]), turned), info.inShape);
  }
  const turned = tf.transpose<TF.Tensor4D>(tf.reverse(filter, [0, 1]), [0, 1, 3, 2]);
  return tf.conv2d(spreadAndPad(tf, dy, info), turned, 1, 'valid');
}

/** Whether each output pixel comes from the input pixel in the same place. */
export function isPointwise(info: TF.backend_util.Conv2DInfo): boolean {
  const { filterHeight, filterWidth, strideHeight, strideWidth, padInfo } = info;
  const padding = padInfo.top + padInfo.bottom + padInfo.left + padInfo.right;
  return filterHeight === 1 && filterWidth === 1 && strideHeight === 1 && strideWidth === 1 && padding === 0;
}
