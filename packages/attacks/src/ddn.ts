import * as tf from '@tensorflow/tfjs-core';
import { Type } from '@sinclair/typebox';
import { defineAttack } from '@shield/core';
import { boundaryDescent } from './boundary-descent.js';
import { column, lengths } from './lp-balls.js';
import { crossEntropy } from './losses.js';

const options = Type.Object(
  {
    steps: Type.Integer({ minimum: 1, default: 100, description: 'gradient steps' }),
    step_size: Type.Number({
      exclusiveMinimum: 0,
      default: 255,
      description: 'length of the first step in 0-255 levels and L2 (α), down to a hundredth of it along a cosine',
    }),
    initial_norm: Type.Number({
      exclusiveMinimum: 0,
      default: 255,
      description: 'L2 norm of the change at first, in 0-255 levels (ε₀)',
    }),
    gamma: Type.Number({
      exclusiveMinimum: 0,
      exclusiveMaximum: 1,
      default: 0.05,
      description: 'share by which the norm shrinks where the model is wrong, and grows where it is not (γ)',
    }),
  },
  { additionalProperties: false },
);

/** Keeps a change of 0 from being divided by 0. */
const TINY = 1e-30;

/**
 * Decoupled direction and norm (Rony et al. 2019, algorithm 1): the gradient says where to go, the norm is a matter of
 * its own, a little smaller after every step at which the model is wrong and a little larger after every other.
 */
export default defineAttack({
  name: 'ddn',
  summary: 'decoupled direction and norm: a small L2 change by gradient steps on a sphere that shrinks and grows',
  reference: {
    title:
      'Rony et al.: Decoupling Direction and Norm for Efficient Gradient-Based L2 Adversarial Attacks and Defenses, CVPR 2019',
    url: 'https://arxiv.org/abs/1811.09600',
  },
  norm: 'l2',
  targeted: true,
  needs: 'gradients',
  random: false,
  options,
  cost: ({ steps }) => ({ forwards: 0, gradients: steps }),
  run: (input, { steps, step_size, initial_norm, gamma }) =>
    boundaryDescent(input, {
      norm: 'l2',
      steps,
      stepSize: [step_size / 255, step_size / 255 / 100],
      gamma: [gamma, gamma],
      radius: initial_norm / 255,
      objective: crossEntropy,
      nextRadius: ({ radius, wrong, gamma }) => tf.mul(radius, tf.add(1, tf.mul(gamma, tf.sub(1, tf.mul(wrong, 2))))),
      onto: (change, radius) => tf.mul(change, column(tf.div(radius, tf.maximum(lengths(change, 'l2'), TINY)))),
    }),
});
