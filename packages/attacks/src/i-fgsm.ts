import { Type } from '@sinclair/typebox';
import { defineAttack } from '@shield/core';
import { gradientSteps } from './gradient-steps.js';

const options = Type.Object(
  {
    eps: Type.Number({
      exclusiveMinimum: 0,
      maximum: 255,
      default: 4,
      description: 'largest change of a pixel, in 0-255 levels',
    }),
    step_size: Type.Number({
      exclusiveMinimum: 0,
      maximum: 255,
      default: 1,
      description: 'change of a pixel in one step, in 0-255 levels',
    }),
    steps: Type.Integer({ minimum: 1, default: 10, description: 'gradient steps' }),
    early_stop: Type.Boolean({
      default: true,
      description: 'whether an image is left as it is as soon as the model is wrong; false: all steps, as in the paper',
    }),
  },
  { additionalProperties: false },
);

/**
 * Iterative FGSM, also called the basic iterative method (Kurakin et al. 2017, section 2.2): signed steps of
 * `step_size`, after each of which the change is clipped to eps and the image to [0, 1].
 *
 * On a smooth network the images are Foolbox's (i-fgsm.test.ts). On a network of ReLUs two ways of rounding part: where
 * gradients are almost 0 their signs differ, those pixels move activations over their kinks, and the next gradients
 * differ more. PyTorch in float32 and in float64, or with its batch norms folded and not, parts in the same way
 * (bench/bim-rounding.js).
 */
export default defineAttack({
  name: 'i_fgsm',
  aliases: ['ifgsm', 'bim'],
  summary: 'iterative FGSM (basic iterative method): signed steps within eps',
  reference: {
    title: 'Kurakin, Goodfellow, Bengio: Adversarial Examples in the Physical World, ICLR 2017 workshop',
    url: 'https://arxiv.org/abs/1607.02533',
  },
  norm: 'linf',
  targeted: true,
  needs: 'gradients',
  random: false,
  options,
  cost: ({ steps }) => ({ forwards: 0, gradients: steps }),
  run: (input, { eps, step_size, steps, early_stop }) =>
    gradientSteps(input, {
      norm: 'linf',
      eps: eps / 255,
      stepSize: step_size / 255,
      steps,
      earlyStop: early_stop,
    }),
});
