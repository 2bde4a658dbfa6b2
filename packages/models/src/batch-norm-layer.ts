import * as tf from '@tensorflow/tfjs-core';
import { batchNormTraining, type TrainingPass } from '@shield/core';

/** The variables of a batch norm: [channels] each; the averages are not changed by gradients. */
export interface BatchNormVariables {
  /** Absent where it is 1 and not trained, as in tf-slim's Inception-v4. */
  readonly gamma?: tf.Variable<tf.Rank.R1>;
  readonly beta: tf.Variable<tf.Rank.R1>;
  readonly mean: tf.Variable<tf.Rank.R1>;
  readonly variance: tf.Variable<tf.Rank.R1>;
}

/**
 * A batch norm after a convolution, in training.
 *
 * With the batch's statistics it stands alone, and its averages move towards them: average ← momentum · average +
 * (1 − momentum) · batch. With its averages it is folded into the filter, as in inference, differentiably.
 *
 * @param convolve the convolution, by a filter
 * @param filtersAxis axis of the filter's outputs: 3, or 2 where it is depthwise
 */
export function normalizedConvolution(
  convolve: (filter: tf.Tensor4D) => tf.Tensor4D,
  filter: tf.Tensor4D,
  filtersAxis: 2 | 3,
  norm: BatchNormVariables,
  epsilon: number,
  { batchStatistics }: Pick<TrainingPass, 'batchStatistics'>,
): tf.Tensor4D {
  if (batchStatistics) return normalized(convolve(filter), norm, epsilon, batchStatistics.momentum);
  const { scale, offset } = scaleAndOffset(norm, epsilon);
  const factors = filtersAxis === 2 ? tf.reshape(scale, [1, 1, -1, 1]) : scale;
  return tf.add(convolve(tf.mul(filter, factors)), offset);
}

/** A batch norm that stands alone: with the batch's statistics where `momentum` is given, else with its averages. */
export function normalized(
  x: tf.Tensor4D,
  norm: BatchNormVariables,
  epsilon: number,
  momentum: number | undefined,
): tf.Tensor4D {
  if (momentum === undefined) {
    const { scale, offset } = scaleAndOffset(norm, epsilon);
    return tf.add(tf.mul<tf.Tensor4D>(x, scale), offset);
  }
  const gamma = norm.gamma ?? tf.ones<tf.Rank.R1>(norm.beta.shape);
  const { y, mean, variance } = batchNormTraining(tf, x, gamma, norm.beta, epsilon);
  move(norm.mean, mean, momentum);
  move(norm.variance, variance, momentum);
  return y;
}

/** y = scale · x + offset with scale = γ / √(σ² + ε), offset = β − μ · scale. */
function scaleAndOffset(
  { gamma, beta, mean, variance }: BatchNormVariables,
  epsilon: number,
): { scale: tf.Tensor1D; offset: tf.Tensor1D } {
  const deviation = tf.rsqrt(tf.add<tf.Tensor1D>(variance, epsilon));
  const scale = gamma ? tf.mul<tf.Tensor1D>(gamma, deviation) : deviation;
  return { scale, offset: tf.sub<tf.Tensor1D>(beta, tf.mul(mean, scale)) };
}

function move(average: tf.Variable<tf.Rank.R1>, value: tf.Tensor1D, momentum: number): void {
  average.assign(tf.add(tf.mul(average, momentum), tf.mul(value, 1 - momentum)));
}
