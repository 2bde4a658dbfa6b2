import { Type } from '@sinclair/typebox';
import { defineAttack } from '@shield/core';
import { addNoise, repeatsOption } from './added-noise.js';
import { costOfChoosing } from './best-of.js';

const options = Type.Object(
  {
    eps: Type.Number({
      exclusiveMinimum: 0,
      maximum: 255,
      default: 8,
      description: 'largest change of a pixel, in 0-255 levels',
    }),
    repeats: repeatsOption,
  },
  { additionalProperties: false },
);

/** A baseline: what an attack does is to be told from what mere noise does. */
export default defineAttack({
  name: 'uniform_noise',
  summary: 'uniform noise within eps, a baseline to tell attacks from',
  norm: 'linf',
  targeted: false,
  needs: 'labels',
  random: true,
  options,
  cost: ({ repeats }) => costOfChoosing(repeats),
  run: (input, { eps, repeats }) => addNoise(input, repeats, (stream) => (2 * stream.uniform() - 1) * (eps / 255)),
});
