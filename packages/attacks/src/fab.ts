import { Type, type Static } from '@sinclair/typebox';
import { defineAttack } from '@shield/core';
import { adaptiveBoundary, costOfAdaptiveBoundary } from './adaptive-boundary.js';
import { fabOf, fabOptions, fabReference } from './fab-options.js';

const options = Type.Object(
  {
    ...fabOptions,
    restarts: Type.Integer({
      minimum: 1,
      default: 1,
      description: 'tries: the first from the clean image, the others from random points near it',
    }),
    candidates: Type.Integer({
      minimum: 2,
      default: 10,
      description:
        'classes with the highest logits of the clean image that are looked at, the label among them; the paper looks at all',
    }),
  },
  { additionalProperties: false },
);

/**
 * Fast Adaptive Boundary attack (Croce and Hein 2020b, algorithm 1): looks for the smallest change by projections onto
 * the nearest boundary of the model made linear, biased towards the clean image, with a final search along the line to
 * it. The gradients of all candidates come from one forward pass.
 */
export default defineAttack({
  name: 'fab',
  summary: 'fast adaptive boundary attack: the smallest change, by projections onto the nearest linearised boundary',
  reference: fabReference,
  norm: 'linf',
  targeted: false,
  needs: 'gradients',
  random: true,
  options,
  cost: (o) => costOfAdaptiveBoundary(howOf(o)),
  run: (input, o) => adaptiveBoundary(input, howOf(o)),
});

function howOf(o: Static<typeof options>) {
  return { ...fabOf(o), restarts: o.restarts, aims: 1, candidates: o.candidates - 1 };
}
