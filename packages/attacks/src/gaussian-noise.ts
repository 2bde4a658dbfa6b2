import { Type } from '@sinclair/typebox';
import { defineAttack } from '@shield/core';
import { addNoise, repeatsOption } from './added-noise.js';
import { costOfChoosing } from './best-of.js';

const options = Type.Object(
  {
    std: Type.Number({
      exclusiveMinimum: 0,
      maximum: 255,
      default: 8,
      description: 'standard deviation of the noise, in 0-255 levels',
    }),
    repeats: repeatsOption,
  },
  { additionalProperties: false },
);

/** A baseline: what an attack does is to be told from what mere noise does. */
export default defineAttack({
  name: 'gaussian_noise',
  summary: 'Gaussian noise of a given standard deviation, a baseline to tell attacks from',
  norm: 'none',
  targeted: false,
  needs: 'labels',
  random: true,
  options,
  cost: ({ repeats }) => costOfChoosing(repeats),
  run: (input, { std, repeats }) => addNoise(input, repeats, (stream) => stream.normal() * (std / 255)),
});
