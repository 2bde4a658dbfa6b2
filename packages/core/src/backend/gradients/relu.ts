import type * as TF from '@tensorflow/tfjs-core';

/**
 * ReLU: dy where the output is positive. The output is kept instead of the input: the mask is the same, and in a
 * captured graph convolution, bias and activation can then be fused.
 */
export function reluGradient(tf: typeof TF): TF.GradConfig {
  return {
    kernelName: 'Relu',
    outputsToSave: [true],
    gradFunc: (dy, saved) => {
      const [y] = saved as [TF.Tensor];
      return { x: () => masked(tf, 'ReluGrad', dy as TF.Tensor, y, () => tf.step(y)) };
    },
  };
}

/** ReLU6 (min(max(x, 0), 6)): dy where the output is strictly between 0 and 6. */
export function relu6Gradient(tf: typeof TF): TF.GradConfig {
  return {
    kernelName: 'Relu6',
    outputsToSave: [true],
    gradFunc: (dy, saved) => {
      const [y] = saved as [TF.Tensor];
      // For 0 ≤ y ≤ 6 the product is positive exactly where 0 < y < 6.
      return { x: () => masked(tf, 'Relu6Grad', dy as TF.Tensor, y, () => tf.step(tf.mul(y, tf.sub(6, y)))) };
    },
  };
}

/** The gradient of those gradients: the mask again, and nothing towards the features (it is constant between kinks). */
export function maskKernelGradient(tf: typeof TF, kernelName: 'ReluGrad' | 'Relu6Grad'): TF.GradConfig {
  return {
    kernelName,
    inputsToSave: ['features'],
    gradFunc: (dy, saved) => {
      const [features] = saved as [TF.Tensor];
      return {
        gradients: () => tf.engine().runKernel(kernelName, { gradients: dy as TF.Tensor, features }),
        features: () => tf.zerosLike(features),
      };
    },
  };
}

/** TensorFlow's fused kernel where the backend has it, else a product with the mask. */
function masked(tf: typeof TF, kernel: string, dy: TF.Tensor, y: TF.Tensor, mask: () => TF.Tensor): TF.Tensor {
  if (tf.getKernel(kernel, tf.getBackend())) {
    return tf.engine().runKernel(kernel, { gradients: dy, features: y });
  }
  return tf.mul(dy, mask());
}
