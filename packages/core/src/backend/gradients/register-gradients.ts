import type * as TF from '@tensorflow/tfjs-core';
import { registerPoolGradients, registerBackwardKernels } from './kernels.js';
import { maskKernelGradient, relu6Gradient, reluGradient } from './relu.js';

const done = new Set<string>();

/**
 * Replaces tfjs's gradients by faster ones of the same value, and adds those that a backend lacks (tests hold them to
 * tfjs's own and to finite differences). Call it once the backend has started.
 */
export function registerGradients(tf: typeof TF, backend: 'tensorflow' | 'wasm' | 'cpu'): void {
  if (done.has(backend)) return;
  if (done.size === 0) {
    const gradients = [
      reluGradient(tf),
      relu6Gradient(tf),
      maskKernelGradient(tf, 'ReluGrad'),
      maskKernelGradient(tf, 'Relu6Grad'),
    ];
    for (const gradient of gradients) {
      // tfjs says on the console that a gradient is replaced; here that is the intention.
      if (tf.getGradient(gradient.kernelName)) tf.unregisterGradient(gradient.kernelName);
      tf.registerGradient(gradient);
    }
  }
  if (backend !== 'cpu') registerBackwardKernels(tf, backend);
  if (backend !== 'tensorflow') registerPoolGradients(tf, backend);
  done.add(backend);
}
