import type * as TF from '@tensorflow/tfjs-core';
import { conv2dGradient } from './conv2d.js';
import { depthwiseConv2dGradient } from './depthwise-conv2d.js';
import { relu6Gradient, reluGradient } from './relu.js';

let registered = false;

/**
 * Replaces tfjs's gradients of a few kernels by faster ones of the same value (tests hold them to tfjs's own and to
 * finite differences). They hold for every backend; kernels of TensorFlow are used where the backend has them.
 */
export function registerGradients(tf: typeof TF): void {
  if (registered) return;
  registered = true;
  for (const gradient of [reluGradient(tf), relu6Gradient(tf), conv2dGradient(tf), depthwiseConv2dGradient(tf)]) {
    // tfjs says on the console that a gradient is replaced; here that is the intention.
    if (tf.getGradient(gradient.kernelName)) tf.unregisterGradient(gradient.kernelName);
    tf.registerGradient(gradient);
  }
}
