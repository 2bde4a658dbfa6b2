import type * as TF from '@tensorflow/tfjs-core';

export const BATCH_NORM_KERNEL = 'BatchNormTraining';
export const BATCH_NORM_GRADIENT_KERNEL = 'BatchNormTrainingGrad';

export interface NormalizedBatch {
  readonly y: TF.Tensor4D;
  /** [channels], over the batch, height and width. */
  readonly mean: TF.Tensor1D;
  /** [channels], with Bessel's correction: what the average of a batch norm takes up, in TensorFlow and PyTorch alike. */
  readonly variance: TF.Tensor1D;
}

/**
 * Batch norm in training (Ioffe & Szegedy, ICML 2015, arXiv:1502.03167): y = scale · (x − mean) / √(variance + epsilon)
 * + offset with the batch's own mean and (uncorrected) variance. Differentiable towards x, scale and offset; nothing
 * flows back through `mean` and `variance`.
 *
 * @param x [n, height, width, channels]
 * @param scale [channels]
 * @param offset [channels]
 */
export function batchNormTraining(
  tf: typeof TF,
  x: TF.Tensor4D,
  scale: TF.Tensor1D,
  offset: TF.Tensor1D,
  epsilon: number,
): NormalizedBatch {
  if (tf.getKernel(BATCH_NORM_KERNEL, tf.getBackend())) return byKernel(tf, x, scale, offset, epsilon);
  const { mean, variance } = tf.moments(x, [0, 1, 2]);
  const y = tf.add<TF.Tensor4D>(tf.mul(tf.sub(x, mean), tf.mul(scale, tf.rsqrt(tf.add(variance, epsilon)))), offset);
  const count = x.size / x.shape[3];
  return { y, mean: mean as TF.Tensor1D, variance: tf.mul(variance, count / Math.max(1, count - 1)) };
}

function byKernel(
  tf: typeof TF,
  x: TF.Tensor4D,
  scale: TF.Tensor1D,
  offset: TF.Tensor1D,
  epsilon: number,
): NormalizedBatch {
  registerGradient(tf);
  // TensorFlow asks for empty averages where it is to take the batch's own.
  const none = tf.tensor1d([], 'float32');
  const inputs = { x, scale, offset, none } as unknown as TF.NamedTensorMap;
  const outputs = tf.engine().runKernel(BATCH_NORM_KERNEL, inputs, { epsilon });
  const [y, mean, variance] = outputs as unknown as [TF.Tensor4D, TF.Tensor1D, TF.Tensor1D];
  return { y, mean, variance };
}

function registerGradient(tf: typeof TF): void {
  if (tf.getGradient(BATCH_NORM_KERNEL)) return;
  tf.registerGradient({
    kernelName: BATCH_NORM_KERNEL,
    inputsToSave: ['x', 'scale'],
    // The reserved ones, behind y, mean and variance: the gradient wants them as they came.
    outputsToSave: [false, false, false, true, true, true],
    gradFunc: (dys, saved, attrs) => {
      const [dy] = dys as TF.Tensor[];
      const [x, scale, r1, r2, r3] = saved as [TF.Tensor, TF.Tensor, TF.Tensor, TF.Tensor, TF.Tensor];
      const inputs = { dy: dy!, x, scale, r1, r2, r3 };
      // One kernel gives all three, so it runs here and not in the functions, each of which has a scope of its own.
      const all = tf.engine().runKernel(BATCH_NORM_GRADIENT_KERNEL, inputs, attrs as unknown as TF.NamedAttrMap);
      const [dx, dscale, doffset] = all as unknown as [TF.Tensor, TF.Tensor, TF.Tensor];
      return {
        x: () => tf.clone(dx),
        scale: () => tf.clone(dscale),
        offset: () => tf.clone(doffset),
      };
    },
  });
}
