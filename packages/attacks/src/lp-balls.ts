import * as tf from '@tensorflow/tfjs-core';
import type { Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';

/** l0 counts values, not pixels: three for a pixel whose channels all change. */
export type LpNorm = 'l0' | 'l1' | 'l2' | 'linf';

/** Keeps a change of 0 from being divided by 0. */
const TINY = 1e-30;

/** Halvings until a threshold stands to the precision of a float. */
const HALVINGS = 32;

/** The norm of each image, [n, h, w, 3] → [n]. */
export function lengths(images: Tensor4D, norm: LpNorm): Tensor1D {
  const sizes = tf.abs(images);
  const axes = [1, 2, 3];
  switch (norm) {
    case 'l0':
      return tf.sum<Tensor1D>(tf.cast(tf.greater(sizes, 0), 'float32'), axes);
    case 'l1':
      return tf.sum<Tensor1D>(sizes, axes);
    case 'l2':
      return tf.sqrt(tf.sum<Tensor1D>(tf.square(images), axes));
    case 'linf':
      return tf.max<Tensor1D>(sizes, axes);
  }
}

/** [n] → [n, 1, 1, 1], to go with images. */
export function column(values: tf.Tensor): Tensor4D {
  return tf.reshape(values, [-1, 1, 1, 1]);
}

/** Each image divided by its L2 norm; one that is 0 everywhere stays 0. */
export function unit(images: Tensor4D): Tensor4D {
  return tf.div(images, column(tf.maximum(lengths(images, 'l2'), TINY)));
}

/**
 * The nearest point, in the L2 sense, of the ball around 0: what is inside stays as it is. In l0 the largest values
 * stay, in l1 all shrink by the same amount (Duchi et al. 2008, section 3).
 *
 * @param radius of each image's ball, [n], or of all
 */
export function ontoBall(change: Tensor4D, norm: LpNorm, radius: Tensor1D | number): Tensor4D {
  // One pass over the images in place of two that go with a column.
  if (norm === 'linf' && typeof radius === 'number') return tf.clipByValue(change, -radius, radius);
  const limit = typeof radius === 'number' ? tf.fill<tf.Rank.R1>([change.shape[0]], radius) : radius;
  switch (norm) {
    case 'linf':
      return tf.minimum(tf.maximum(change, column(tf.neg(limit))), column(limit));
    case 'l2':
      return tf.mul(change, column(tf.minimum(1, tf.div(limit, tf.maximum(lengths(change, 'l2'), TINY)))));
    case 'l1':
      return ontoL1(change, limit);
    case 'l0':
      return ontoL0(change, limit);
  }
}

function ontoL1(change: Tensor4D, radius: Tensor1D): Tensor4D {
  const sizes = tf.reshape(tf.abs(change), [change.shape[0], -1]) as Tensor2D;
  const limit = tf.expandDims<Tensor2D>(radius, 1);
  const rough = threshold(sizes, (level) => tf.greater(tf.sum(tf.relu(tf.sub(sizes, level)), 1, true), limit));
  // Between which values the threshold lies is known now; where it lies follows from their sum.
  const above = tf.cast(tf.greater(sizes, rough), 'float32');
  const count = tf.maximum(tf.sum(above, 1, true), 1);
  const level = tf.maximum(0, tf.div(tf.sub(tf.sum(tf.mul(sizes, above), 1, true), limit), count));
  const inside = tf.lessEqual(tf.sum(sizes, 1, true), limit);
  const left = tf.where(inside, sizes, tf.relu(tf.sub(sizes, level)));
  return tf.mul(tf.sign(change), tf.reshape(left, change.shape));
}

function ontoL0(change: Tensor4D, count: Tensor1D): Tensor4D {
  const sizes = tf.reshape(tf.abs(change), [change.shape[0], -1]) as Tensor2D;
  const limit = tf.expandDims<Tensor2D>(count, 1);
  const left = (level: Tensor2D) => tf.cast(tf.greater(sizes, level), 'float32');
  const level = threshold(sizes, (level) => tf.greater(tf.sum(left(level), 1, true), limit));
  return tf.mul(change, tf.reshape(left(level), change.shape));
}

/** By halving, the lowest level, [n, 1], at which no more is left than may be; 0 where that is so of everything. */
function threshold(sizes: Tensor2D, tooMuch: (level: Tensor2D) => tf.Tensor): Tensor2D {
  const zero: Tensor2D = tf.zeros([sizes.shape[0], 1]);
  let low = zero;
  let high = tf.max<Tensor2D>(sizes, 1, true);
  for (let k = 0; k < HALVINGS; k++) {
    const middle = tf.mul<Tensor2D>(tf.add(low, high), 0.5);
    const over = tooMuch(middle);
    low = tf.where(over, middle, low);
    high = tf.where(over, high, middle);
  }
  return tf.where(tooMuch(zero), high, zero);
}
