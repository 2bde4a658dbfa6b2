import { Type } from '@sinclair/typebox';
import { defineAttack } from '@shield/core';
import { gradientSteps } from './gradient-steps.js';
import { transferOptions, transferSteps } from './transfer-options.js';

const options = Type.Object(
  {
    ...transferOptions,
    decay: Type.Number({ minimum: 0, default: 1, description: 'share of the momentum that stays at each step (μ)' }),
    early_stop: Type.Boolean({
      default: false,
      description: 'whether an image is left as it is as soon as the attacked model is wrong; it transfers less then',
    }),
  },
  { additionalProperties: false },
);

/**
 * Momentum iterative FGSM (Dong et al. 2018, Algorithm 1): signed steps along a running sum of gradients, each divided by
 * its mean absolute value.
 */
export default defineAttack({
  name: 'mi_fgsm',
  aliases: ['mifgsm'],
  summary: 'momentum iterative FGSM: signed steps along a running sum of gradients',
  reference: {
    title: 'Dong et al.: Boosting Adversarial Attacks with Momentum, CVPR 2018',
    url: 'https://arxiv.org/abs/1710.06081',
  },
  norm: 'linf',
  targeted: true,
  needs: 'gradients',
  random: false,
  options,
  cost: ({ steps }) => ({ forwards: 0, gradients: steps }),
  run: (input, o) => gradientSteps(input, { ...transferSteps(o), decay: o.decay, earlyStop: o.early_stop }),
});
