import * as tf from '@tensorflow/tfjs-core';
import type { ConvolutionOptions, Kernel, SlimNetwork, SlimOps } from './tf-slim-ops.js';

/** What is the same with folded constants and with variables. */
export const poolsAndSums: Pick<
  SlimOps<tf.Tensor4D>,
  'maxPool' | 'averagePool' | 'add' | 'concatenate' | 'globalPool'
> = {
  maxPool: (x, size, stride, padding) => tf.maxPool(x, size, stride, padding),
  averagePool: (x) => tf.avgPool(x, 3, 1, 'same'),
  add: (a, b) => tf.add(a, b),
  concatenate: (parts) => tf.concat([...parts], 3),
  globalPool: (x) => tf.mean(x, [1, 2], true),
};

/** [n, h, w, 3] in [0, 1], taken to [-1, 1] → [n, classes]. */
export function slimForward(
  network: SlimNetwork,
  ops: SlimOps<tf.Tensor4D>,
  images: tf.Tensor4D,
  classes: number,
): tf.Tensor2D {
  const centred = tf.sub<tf.Tensor4D>(tf.mul(images, 2), 1);
  return tf.reshape<tf.Rank.R2>(network.forward(ops, centred), [-1, classes]);
}

/** The classifier over [n, 1, 1, channels]; its kernel is a matrix or a 1×1 convolution. */
export function classify(x: tf.Tensor4D, filter: tf.Tensor, bias: tf.Tensor1D): tf.Tensor4D {
  const kernel: tf.Tensor2D = tf.reshape(filter, [-1, filter.shape.at(-1)!]);
  const logits = tf.add(tf.matMul(tf.reshape<tf.Rank.R2>(x, [-1, kernel.shape[0]]), kernel), bias);
  return tf.reshape(logits, [-1, 1, 1, kernel.shape[1]]);
}

/** tf-slim pads before a convolution with a stride, so that its place does not depend on the image's size. */
export function padded(
  x: tf.Tensor4D,
  [height, width]: Kernel,
  { stride = 1, padding = 'same' }: ConvolutionOptions,
): { input: tf.Tensor4D; pad: 'same' | 'valid' } {
  if (padding !== 'fixed') return { input: x, pad: padding };
  if (stride === 1) return { input: x, pad: 'same' };
  const around = (side: number): [number, number] => [Math.floor((side - 1) / 2), Math.ceil((side - 1) / 2)];
  return { input: tf.pad(x, [[0, 0], around(height), around(width), [0, 0]]), pad: 'valid' };
}
