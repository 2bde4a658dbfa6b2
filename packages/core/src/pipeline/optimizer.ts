import * as tf from '@tensorflow/tfjs-core';
import type { TrainSpec } from '../spec/resolved-spec.js';

/** Learning rate of step 0 … steps − 1: constant, or along half a cosine to 0 (Loshchilov & Hutter, ICLR 2017). */
export function learningRateAt(step: number, steps: number, spec: TrainSpec): number {
  if (spec.schedule === 'constant') return spec.learning_rate;
  return (spec.learning_rate / 2) * (1 + Math.cos((Math.PI * step) / steps));
}

export type ScheduledOptimizer = tf.Optimizer & { setLearningRate(rate: number): void };

/** SGD with momentum, or Adam with its published constants, as tfjs has them. */
export function createOptimizer(spec: TrainSpec): ScheduledOptimizer {
  if (spec.optimizer === 'adam') return new ScheduledAdam(spec.learning_rate, 0.9, 0.999);
  return new Momentum(spec.learning_rate, spec.momentum);
}

/** tfjs's own forgets the learning rate's tensor when it is disposed. */
class Momentum extends tf.MomentumOptimizer {
  override dispose(): void {
    super.dispose();
    this.c.dispose();
  }
}

class ScheduledAdam extends tf.AdamOptimizer {
  setLearningRate(rate: number): void {
    this.learningRate = rate;
  }
}
