import * as tf from '@tensorflow/tfjs-core';
import type { TrainSpec } from '../spec/resolved-spec.js';

/** An update rule, written on tensors only, so that it can stand in a captured step. */
export interface Optimizer {
  /** What it remembers, by "<kind>/<name of the variable>"; zero at first. */
  readonly slots: Readonly<Record<string, tf.Variable>>;
  /** The numbers that a step needs beside the gradients, at step 0, 1, …; `update` gets them as scalars. */
  numbers(step: number, learningRate: number): readonly number[];
  /** Changes the variable and its slots. */
  update(name: string, variable: tf.Variable, gradient: tf.Tensor, numbers: readonly tf.Tensor[]): void;
  dispose(): void;
}

/** @param variables those that are trained, by name */
export function createOptimizer(
  spec: Pick<TrainSpec, 'optimizer' | 'momentum' | 'weight_decay'>,
  variables: Readonly<Record<string, tf.Variable>>,
): Optimizer {
  return spec.optimizer === 'adam' ? adam(spec, variables) : momentum(spec, variables);
}

/** v ← m v + g, w ← w − α v (Polyak 1964, as TensorFlow and PyTorch have it). */
function momentum(
  { momentum: m, weight_decay }: Pick<TrainSpec, 'momentum' | 'weight_decay'>,
  variables: Readonly<Record<string, tf.Variable>>,
): Optimizer {
  const slots = m > 0 ? zeros('velocity', variables) : {};
  return {
    slots,
    numbers: (_, learningRate) => [learningRate],
    update(name, variable, gradient, [rate]) {
      let direction = gradient;
      const velocity = slots[`velocity/${name}`];
      if (velocity) {
        velocity.assign(tf.add(tf.mul(velocity, m), gradient));
        direction = velocity as tf.Tensor;
      }
      change(variable, tf.mul(direction, rate!), weight_decay, rate!);
    },
    dispose: () => tf.dispose(slots),
  };
}

const BETA1 = 0.9;
const BETA2 = 0.999;
const EPSILON = 1e-7;

/** Adam (Kingma & Ba, ICLR 2015, arXiv:1412.6980) with its published constants but for ε, which is tfjs's. */
function adam(
  { weight_decay }: Pick<TrainSpec, 'weight_decay'>,
  variables: Readonly<Record<string, tf.Variable>>,
): Optimizer {
  const slots = { ...zeros('m', variables), ...zeros('v', variables) };
  return {
    slots,
    numbers: (step, learningRate) => [learningRate, 1 / (1 - BETA1 ** (step + 1)), 1 / (1 - BETA2 ** (step + 1))],
    update(name, variable, gradient, [rate, firstCorrection, secondCorrection]) {
      const [m, v] = [slots[`m/${name}`]!, slots[`v/${name}`]!];
      m.assign(tf.add(tf.mul(m, BETA1), tf.mul(gradient, 1 - BETA1)));
      v.assign(tf.add(tf.mul(v, BETA2), tf.mul(tf.square(gradient), 1 - BETA2)));
      const spread = tf.add(tf.sqrt(tf.mul(v, secondCorrection!)), EPSILON);
      change(variable, tf.mul(tf.div(tf.mul(m, firstCorrection!), spread), rate!), weight_decay, rate!);
    },
    dispose: () => tf.dispose(slots),
  };
}

/**
 * One step, with the decay apart from the gradient (Loshchilov & Hutter, ICLR 2019, arXiv:1711.05101): filters and
 * kernels shrink a little; biases and batch norms do not.
 */
function change(variable: tf.Variable, step: tf.Tensor, decay: number, rate: tf.Tensor): void {
  const moved = tf.sub(variable as tf.Tensor, step);
  variable.assign(decay > 0 && variable.rank > 1 ? tf.mul(moved, tf.sub(1, tf.mul(rate, decay))) : moved);
}

function zeros(kind: string, variables: Readonly<Record<string, tf.Variable>>): Record<string, tf.Variable> {
  return Object.fromEntries(
    Object.entries(variables).map(([name, { shape }]) => [
      `${kind}/${name}`,
      tf.tidy(() => tf.variable(tf.zeros(shape), false)),
    ]),
  );
}
