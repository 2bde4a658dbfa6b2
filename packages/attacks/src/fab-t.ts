import { Type } from '@sinclair/typebox';
import { defineAttack } from '@shield/core';
import { adaptiveBoundary, costOfAdaptiveBoundary } from './adaptive-boundary.js';
import { fabOf, fabOptions, fabReference } from './fab-options.js';

const options = Type.Object(
  {
    ...fabOptions,
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
  },
  { additionalProperties: false },
);

/**
 * Fast Adaptive Boundary attack, targeted (Croce and Hein 2020b, algorithm 1; 2020a, section 5): looks for the smallest
 * change by projections onto the boundary of the model made linear, biased towards the clean image. The targeted form has
 * one gradient a step, where the untargeted one has as many as there are classes.
 */
export default defineAttack({
  name: 'fab_t',
  summary: 'fast adaptive boundary attack, targeted: the smallest change, by projections onto the linearised boundary',
  reference: fabReference,
  norm: 'linf',
  targeted: false,
  needs: 'gradients',
  random: true,
  options,
  cost: (o) => costOfAdaptiveBoundary({ ...fabOf(o), restarts: o.restarts, aims: o.targets, candidates: 1 }),
  run: (input, o) => adaptiveBoundary(input, { ...fabOf(o), restarts: o.restarts, aims: o.targets, candidates: 1 }),
});
