import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor1D, Tensor2D, Tensor3D } from '@tensorflow/tfjs-core';
import { margin } from './losses.js';

/** Keeps logits that are all alike from dividing 0 by 0. */
const TINY = 1e-12;

/** Fewest classes for which the losses are defined. */
export const DLR_CLASSES = 3;
export const TARGETED_DLR_CLASSES = 4;

/**
 * Difference of logits ratio (Croce and Hein 2020a, equation 6): −(z_y − max_{i≠y} z_i) / (z_π1 − z_π3), π being the
 * order from the largest logit down. Positive where the model is wrong; the scale of the logits has no part in it.
 *
 * @param logits [n, classes], 3 classes at least
 * @param marked one-hot labels
 * @returns [n]
 */
export function dlr(logits: Tensor2D, marked: Tensor2D): Tensor1D {
  const [first, , third] = largest(logits, 3) as [Tensor1D, Tensor1D, Tensor1D];
  return tf.neg(tf.div<Tensor1D>(margin(logits, marked), tf.add(tf.sub(first, third), TINY)));
}

/**
 * Its targeted form (equation 7): −(z_y − z_t) / (z_π1 − (z_π3 + z_π4) / 2).
 *
 * @param logits [n, classes], 4 classes at least
 * @param aim one-hot targets
 */
export function targetedDlr(logits: Tensor2D, marked: Tensor2D, aim: Tensor2D): Tensor1D {
  const [first, , third, fourth] = largest(logits, 4) as [Tensor1D, Tensor1D, Tensor1D, Tensor1D];
  const range = tf.sub(first, tf.div(tf.add(third, fourth), 2));
  return tf.div(tf.sub(pick(logits, aim), pick(logits, marked)), tf.add(range, TINY));
}

/** The k largest logits, [n] each, from the largest down. */
function largest(logits: Tensor2D, k: number): Tensor[] {
  const [n, classes] = logits.shape;
  const places = tf.reshape<tf.Rank.R3>(ranked(logits, k), [n, k, classes]);
  const values = tf.sum<Tensor2D>(tf.mul(places, tf.expandDims<Tensor3D>(logits, 1)), 2);
  return tf.unstack(values, 1);
}

/** One-hot places of the k largest, [n, k·classes]: constant, since tfjs has no gradient of topk. */
function ranked(logits: Tensor2D, k: number): Tensor2D {
  const [n, classes] = logits.shape;
  const places = tf.customGrad((input) => ({
    value: tf.tidy(() => {
      const { indices } = tf.topk(input as Tensor2D, k);
      return tf.reshape(tf.oneHot(tf.reshape<tf.Rank.R1>(tf.cast(indices, 'int32'), [-1]), classes, 1, 0, 'float32'), [
        n,
        k * classes,
      ]);
    }),
    gradFunc: () => tf.zeros([n, classes]),
  }));
  return places(logits) as Tensor2D;
}

function pick(logits: Tensor2D, places: Tensor2D): Tensor1D {
  return tf.sum<Tensor1D>(tf.mul(logits, places), 1);
}
