import { Type } from '@sinclair/typebox';
import { defineDefense } from '@shield/core';
import { clippedFloats, floatPixels } from './float-pixels.js';
import { splitBregman } from './split-bregman/split-bregman.js';

/**
 * Total variation denoising by split Bregman (Goldstein and Osher 2009), equal to scikit-image's `denoise_tv_bregman` on
 * 32-bit floats; Das et al. 2018 compare with it.
 */
export default defineDefense({
  name: 'tv_bregman',
  summary: 'total variation denoising by split Bregman iterations',
  reference: {
    title:
      'Goldstein and Osher: The Split Bregman Method for L1-Regularized Problems, SIAM J. Imaging Sciences 2(2), 2009',
    url: 'https://doi.org/10.1137/080725891',
  },
  takes: 'floats',
  random: false,
  gradient: 'straight-through',
  options: Type.Object(
    {
      weight: Type.Number({
        exclusiveMinimum: 0,
        maximum: 1e6,
        default: 30,
        description:
          'how much the image counts against its total variation: the smaller, the smoother (pixels in [0, 1])',
      }),
      eps: Type.Number({
        exclusiveMinimum: 0,
        default: 0.001,
        description:
          'stops when the root mean square of what an iteration changes is not above this (pixels in [0, 1])',
      }),
      max_iter: Type.Integer({ minimum: 1, maximum: 10_000, default: 100, description: 'iterations at most' }),
      isotropic: Type.Boolean({
        default: true,
        description: "total variation as the sum of the gradients' lengths; else of the sizes of their two components",
      }),
      stop: Type.Union([Type.Literal('together'), Type.Literal('separately')], {
        default: 'together',
        description:
          'together: all channels stop at once (as Das et al. call scikit-image); separately: each at its own eps',
      }),
    },
    { additionalProperties: false },
  ),
  apply: (image, { weight, eps, max_iter: maxIterations, isotropic, stop }) => {
    const { height, width } = image;
    const stopTogether = stop === 'together';
    const { data } = splitBregman(floatPixels(image), height, width, {
      weight,
      eps,
      maxIterations,
      isotropic,
      stopTogether,
    });
    return { data: clippedFloats(data), height, width };
  },
});
