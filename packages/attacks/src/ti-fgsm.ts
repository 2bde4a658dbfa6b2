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
    // The kernels are products of one line down and one across; three channels that do not mix.
    const filter = Array.from(shiftKernel(o)).flatMap((weight) => [weight, weight, weight]);
    const smooth = (gradient: Tensor4D) =>
      [
        [size, 1],
        [1, size],
      ].reduce<Tensor4D>(
        (image, [height, width]) => tf.depthwiseConv2d(image, tf.tensor4d(filter, [height!, width!, 3, 1]), 1, 'same'),
        gradient,
      );
    return gradientSteps(input, { ...transferSteps(o), decay: o.decay, smooth });
  },
});

/** One side of the kernel: `size` weights that sum to 1. The kernel is their outer product. */
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
  return side.map((weight) => weight / sum);
}
