import * as tf from '@tensorflow/tfjs-core';
import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';

/** Larger than any difference of logits: takes a class out of a maximum. */
const OUT_OF_REACH = 1e6;

/** Cross-entropy of each image, [n, classes] and one-hot labels → [n]. */
export function crossEntropy(logits: Tensor2D, oneHot: Tensor2D): Tensor1D {
  return tf.neg(tf.sum<Tensor1D>(tf.mul(tf.logSoftmax(logits), oneHot), 1));
}

/** Logit of the marked class minus the largest of the others, [n]: positive where the model says the marked class. */
export function margin(logits: Tensor2D, oneHot: Tensor2D): Tensor1D {
  const marked = tf.sum<Tensor1D>(tf.mul(logits, oneHot), 1);
  const others = tf.max<Tensor1D>(tf.sub(logits, tf.mul(oneHot, OUT_OF_REACH)), 1);
  return tf.sub(marked, others);
}

/** One-hot rows as float32 [n, classes], for functions whose inputs are float batches. */
export function oneHot(labels: ArrayLike<number>, classes: number): Tensor2D {
  const values = new Float32Array(labels.length * classes);
  for (let i = 0; i < labels.length; i++) values[i * classes + labels[i]!] = 1;
  return tf.tensor2d(values, [labels.length, classes]);
}
