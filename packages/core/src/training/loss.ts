import * as tf from '@tensorflow/tfjs-core';

/**
 * Mean over the batch of −Σ t log softmax, t being the label's one-hot vector moved by `smoothing` to uniform (Szegedy
 * et al., CVPR 2016, arXiv:1512.00567).
 *
 * @param logits [n, classes]
 * @param labels int32 [n], among the logits
 */
export function crossEntropy(logits: tf.Tensor2D, labels: tf.Tensor1D, smoothing: number): tf.Scalar {
  const classes = logits.shape[1];
  const targets = tf.add(tf.mul(tf.oneHot(labels, classes), 1 - smoothing), smoothing / classes);
  return tf.neg<tf.Scalar>(tf.mean<tf.Scalar>(tf.sum(tf.mul(targets, tf.logSoftmax(logits)), 1)));
}

/** How many of the largest logits are the labels', as a float. */
export function countRight(logits: tf.Tensor2D, labels: tf.Tensor1D): tf.Scalar {
  return tf.sum(tf.cast(tf.equal(tf.argMax(logits, 1), labels), 'float32'));
}
