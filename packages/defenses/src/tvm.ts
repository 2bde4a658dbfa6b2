import { Type } from '@sinclair/typebox';
import { defineDefense } from '@shield/core';
import { clippedFloats, floatPixels } from './float-pixels.js';
import { minimiseTotalVariation } from './total-variation.js';

/**
 * Total variance minimisation (Guo et al. 2018, section 4): samples are dropped at random, and the image of least total
 * variation is sought that is near to those that were kept; channel by channel, by L-BFGS.
 */
export default defineDefense({
  name: 'tvm',
  aliases: ['total_variance_minimization'],
  summary: 'total variance minimisation: dropped pixels are filled in by an image of little variation',
  reference: {
    title: 'Guo et al.: Countering Adversarial Images using Input Transformations, ICLR 2018',
    url: 'https://arxiv.org/abs/1711.00117',
  },
  takes: 'floats',
  random: true,
  gradient: 'straight-through',
  options: Type.Object(
    {
      drop: Type.Number({
        minimum: 0,
        maximum: 0.99,
        default: 0.5,
        description: 'probability that a value (of one pixel and channel) is dropped',
      }),
      lambda_tv: Type.Number({
        minimum: 0,
        maximum: 1000,
        default: 0.03,
        description: 'weight of the total variation against the distance to the values kept (pixels in [0, 1])',
      }),
      norm: Type.Union([Type.Literal(1), Type.Literal(2)], {
        default: 2,
        description: 'norm of the differences between two rows, and between two columns, in the total variation',
      }),
      max_iter: Type.Integer({
        minimum: 1,
        maximum: 10_000,
        default: 50,
        description: 'steps of L-BFGS at most; it ends when one gains less than a millionth',
      }),
    },
    { additionalProperties: false },
  ),
  apply: (image, { drop, lambda_tv: lambda, norm, max_iter: maxIterations }, random) => {
    const { height, width } = image;
    const pixels = floatPixels(image);
    const kept = Uint8Array.from(pixels, () => (random.uniform() < drop ? 0 : 1));
    const out = new Float64Array(pixels.length);
    for (let channel = 0; channel < 3; channel++) {
      const of = (values: ArrayLike<number>) =>
        Float64Array.from({ length: height * width }, (_, i) => values[3 * i + channel]!);
      const { plane } = minimiseTotalVariation(of(pixels), of(kept), height, width, { lambda, norm, maxIterations });
      plane.forEach((value, i) => (out[3 * i + channel] = value));
    }
    return { data: clippedFloats(out), height, width };
  },
});
