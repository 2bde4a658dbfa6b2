import { Type } from '@sinclair/typebox';
import { defineAttack } from '@shield/core';
import { fab } from './fab.js';

const options = Type.Object(
  {
    norm: Type.Union([Type.Literal('linf'), Type.Literal('l2')], {
      default: 'linf',
      description: 'norm of the change that is made small',
    }),
    eps: Type.Number({
      exclusiveMinimum: 0,
      default: 4,
      description:
        'in 0-255 levels, in that norm: what is small enough for early_stop; restarts begin within half of it',
    }),
    steps: Type.Integer({ minimum: 1, default: 100, description: 'steps of one try' }),
    restarts: Type.Integer({
      minimum: 1,
      default: 1,
      description: 'tries for each class: the first from the clean image, the others from random points near it',
    }),
    targets: Type.Integer({
      minimum: 1,
      default: 9,
      description: 'how many classes are aimed at, one after the other, from the most likely one on the clean image',
    }),
    alpha_max: Type.Number({
      minimum: 0,
      maximum: 1,
      default: 0.1,
      description: 'largest weight of the clean image in a step (α_max)',
    }),
    eta: Type.Number({ minimum: 1, default: 1.05, description: 'how far a step goes beyond the boundary (η)' }),
    beta: Type.Number({
      exclusiveMinimum: 0,
      maximum: 1,
      default: 0.9,
      description: 'share of the change that is left of a point that the model gets wrong, before going on (β)',
    }),
    early_stop: Type.Boolean({
      default: false,
      description:
        'whether an image leaves as soon as a change within eps is found; false: the smallest change of all steps',
    }),
  },
  { additionalProperties: false },
);

/**
 * Fast Adaptive Boundary attack, targeted (Croce and Hein 2020b, algorithm 1; 2020a, section 5): looks for the smallest
 * change by projections onto the boundary of the model made linear, biased towards the clean image. The targeted form has
 * one gradient a step, where the untargeted one has as many as there are classes. Without the final search along the
 * line to the clean image.
 */
export default defineAttack({
  name: 'fab_t',
  summary: 'fast adaptive boundary attack, targeted: the smallest change, by projections onto the linearised boundary',
  reference: {
    title: 'Croce, Hein: Minimally Distorted Adversarial Examples with a Fast Adaptive Boundary Attack, ICML 2020',
    url: 'https://arxiv.org/abs/1907.02044',
  },
  norm: 'linf',
  targeted: false,
  needs: 'gradients',
  random: true,
  options,
  cost: ({ steps, restarts, targets }) => ({
    forwards: 1 + steps * restarts * targets,
    gradients: steps * restarts * targets,
  }),
  run: (input, { norm, eps, steps, restarts, targets, alpha_max, eta, beta, early_stop }) =>
    fab(input, {
      norm,
      eps: eps / 255,
      steps,
      restarts,
      targets,
      alphaMax: alpha_max,
      eta,
      beta,
      earlyStop: early_stop,
    }),
});
