import type * as TF from '@tensorflow/tfjs-core';

/**
 * Sums the rows of `x` that share a segment, which is how a gather goes backward: as a product with a one-hot matrix.
 * Rows whose segment is outside 0 … segments − 1 are left out.
 *
 * @param x [ids' shape, …rest]
 * @returns [segments, …rest]
 */
export function segmentSum(tf: typeof TF, x: TF.Tensor, ids: TF.Tensor, segments: number): TF.Tensor {
  const rest = x.shape.slice(ids.rank);
  const membership = tf.transpose(tf.cast(tf.oneHot(tf.reshape<TF.Rank.R1>(ids, [-1]), segments), 'float32'));
  return tf.reshape(tf.matMul(membership as TF.Tensor2D, tf.reshape(x, [ids.size, -1])), [segments, ...rest]);
}
