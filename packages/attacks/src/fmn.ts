import * as tf from '@tensorflow/tfjs-core';
import type { Tensor1D } from '@tensorflow/tfjs-core';
import { Type } from '@sinclair/typebox';
import { defineAttack } from '@shield/core';
import { boundaryDescent, type Standing } from './boundary-descent.js';
import { lengths, ontoBall, type LpNorm } from './lp-balls.js';
import { margin } from './losses.js';

const options = Type.Object(
  {
    norm: Type.Union([Type.Literal('l0'), Type.Literal('l1'), Type.Literal('l2'), Type.Literal('linf')], {
      default: 'l2',
      description: 'norm of the change that is made small; l0 counts values, three a pixel',
    }),
    steps: Type.Integer({ minimum: 1, default: 100, description: 'gradient steps' }),
    step_size: Type.Number({
      exclusiveMinimum: 0,
      default: 255,
      description: 'length of the first step in 0-255 levels and L2 (α₀), down to a hundredth of it along a cosine',
    }),
    gamma: Type.Number({
      minimum: 0.001,
      exclusiveMaximum: 1,
      default: 0.05,
      description: 'share by which the radius of the ball changes at first (γ₀), down to 0.001 along a cosine',
    }),
  },
  { additionalProperties: false },
);

/** Share by which the radius changes at the last step. */
const LAST_GAMMA = 0.001;

/** Keeps a gradient of 0 from being divided by. */
const TINY = 1e-12;

/**
 * Fast minimum-norm attack (Pintor et al. 2021, algorithm 1) in the four norms: gradient steps within a ball that is
 * first as large as the boundary of the linearised model is far, and then closes in on the boundary itself.
 */
export default defineAttack({
  name: 'fmn',
  summary: 'fast minimum-norm attack: a small change in l0, l1, l2 or linf, within a ball that follows the boundary',
  reference: {
    title: 'Pintor et al.: Fast Minimum-norm Adversarial Attacks through Adaptive Norm Constraints, NeurIPS 2021',
    url: 'https://arxiv.org/abs/2102.12827',
  },
  norm: 'l2',
  targeted: true,
  needs: 'gradients',
  random: false,
  options,
  cost: ({ steps }) => ({ forwards: 0, gradients: steps }),
  run: (input, { norm, steps, step_size, gamma }) =>
    boundaryDescent(input, {
      norm,
      steps,
      stepSize: [step_size / 255, step_size / 255 / 100],
      gamma: [gamma, LAST_GAMMA],
      radius: norm === 'l0' ? 1 : undefined,
      objective: (logits, marked) => tf.neg(margin(logits, marked)),
      nextRadius: (standing) => (norm === 'l0' ? nextCount(standing) : nextRadius(standing, norm)),
      onto: (change, radius) => ontoBall(change, norm, radius),
    }),
});

const DUAL = { l1: 'linf', l2: 'l2', linf: 'l1' } as const;

function nextRadius(s: Standing, norm: Exclude<LpNorm, 'l0'>): Tensor1D {
  const toBoundary = tf.div(tf.abs(s.right), tf.maximum(lengths(s.gradient, DUAL[norm]), TINY));
  const smaller = tf.minimum(tf.mul(s.radius, tf.sub(1, s.gamma)), s.best);
  const larger = tf.mul(s.radius, tf.add(1, s.gamma));
  return choose(s.wrong, smaller, choose(s.found, larger, tf.add(s.length, toBoundary)));
}

/** Of values that may change: at least one more or one less each time. */
function nextCount(s: Standing): Tensor1D {
  const fewer = tf.minimum(tf.sub(s.radius, 1), tf.floor(tf.mul(s.radius, tf.sub(1, s.gamma))));
  const more = tf.maximum(tf.add(s.radius, 1), tf.floor(tf.mul(s.radius, tf.add(1, s.gamma))));
  return tf.maximum(1, choose(s.wrong, tf.minimum(fewer, s.best), more));
}

function choose(condition: Tensor1D, yes: tf.Tensor, no: tf.Tensor): Tensor1D {
  return tf.where(tf.cast(condition, 'bool'), yes, no) as Tensor1D;
}
