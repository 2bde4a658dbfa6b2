import * as tf from '@tensorflow/tfjs-core';
import type { Tensor4D } from '@tensorflow/tfjs-core';
import { Type, type Static } from '@sinclair/typebox';
import { defineAttack } from '@shield/core';
import { gradientSteps } from './gradient-steps.js';
import { transferOptions, transferSteps } from './transfer-options.js';

const options = Type.Object(
  {
    ...transferOptions,
    kernel: Type.Union([Type.Literal('gaussian'), Type.Literal('linear'), Type.Literal('uniform')], {
      default: 'gaussian',
      description: 'weights of the shifted gradients: a bell, a pyramid, or all alike',
    }),
    kernel_size: Type.Integer({
      minimum: 1,
      default: 15,
      description: 'side of the kernel, in pixels: shifts by up to half of it count',
    }),
    kernel_sigmas: Type.Number({
      exclusiveMinimum: 0,
      default: 3,
      description: 'standard deviations that the gaussian kernel reaches to each side (3: 2.3 pixels each at size 15)',
    }),
    decay: Type.Number({ minimum: 0, default: 1, description: 'share of the momentum that stays at each step (μ)' }),
  },
  { additionalProperties: false },
);

/**
 * Translation-invariant FGSM (Dong et al. 2019, section 3.3): the gradient over shifted images, taken as the gradient of
 * the image convolved with a kernel, in steps with momentum (TI-MI-FGSM).
 */
export default defineAttack({
  name: 'ti_fgsm',
  aliases: ['tifgsm'],
  summary: 'translation-invariant FGSM: signed steps along gradients smoothed over shifts of the image',
  reference: {
    title:
      'Dong et al.: Evading Defenses to Transferable Adversarial Examples by Translation-Invariant Attacks, CVPR 2019',
    url: 'https://arxiv.org/abs/1904.02884',
  },
  norm: 'linf',
  targeted: true,
  needs: 'gradients',
  random: false,
  options,
  cost: ({ steps }) => ({ forwards: 0, gradients: steps }),
  run: (input, o) => {
    const { kernel_size: size } = o;
    const weights = shiftKernel(o);
    // Across three channels that do not mix.
    const filter = Array.from({ length: size * size * 3 }, (_, k) => weights[Math.floor(k / 3)]!);
    const smooth = (gradient: Tensor4D) =>
      tf.depthwiseConv2d(gradient, tf.tensor4d(filter, [size, size, 3, 1]), 1, 'same');
    return gradientSteps(input, { ...transferSteps(o), decay: o.decay, smooth });
  },
});

/** size² weights that sum to 1, row by row. */
export function shiftKernel({
  kernel,
  kernel_size: size,
  kernel_sigmas: sigmas,
}: Pick<Static<typeof options>, 'kernel' | 'kernel_size' | 'kernel_sigmas'>): Float64Array {
  const half = (size - 1) / 2;
  const side = Float64Array.from({ length: size }, (_, k) => {
    const shift = k - half;
    if (kernel === 'uniform' || size === 1) return 1;
    return kernel === 'linear' ? 1 - Math.abs(shift) / (half + 1) : Math.exp(-(((sigmas * shift) / half) ** 2) / 2);
  });
  const sum = side.reduce((total, weight) => total + weight, 0);
  return Float64Array.from({ length: size * size }, (_, k) => {
    return (side[Math.floor(k / size)]! * side[k % size]!) / sum ** 2;
  });
}
