import { Type } from '@sinclair/typebox';
import { defineDefense } from '@shield/core';
import * as tf from '@tensorflow/tfjs-core';
import { kernelConvolve } from './filters/kernel.js';
import { clippedFloats, floatPixels } from './float-pixels.js';
import { convolve, convolving, gaussianWeights } from './gaussian.js';
import { separable } from './separable.js';

/** Gaussian blur of each channel, equal to `scipy.ndimage.gaussian_filter` with its default mode `reflect`. */
export default defineDefense({
  name: 'gaussian_blur',
  summary: 'Gaussian blur of each colour channel',
  takes: 'floats',
  random: false,
  options: Type.Object(
    {
      sigma: Type.Number({
        minimum: 0.01,
        maximum: 100,
        default: 1,
        description: 'standard deviation, in pixels',
      }),
      truncate: Type.Number({
        minimum: 1,
        maximum: 10,
        default: 4,
        description: 'where the bell is cut off, in standard deviations',
      }),
    },
    { additionalProperties: false },
  ),
  gradient: (images, _randoms, { sigma, truncate }) =>
    tf.tidy(() => {
      const [, height, width] = images.shape;
      const weights = gaussianWeights(sigma, truncate);
      return tf.clipByValue(separable(images, convolving(height, weights), convolving(width, weights)), 0, 1);
    }),
  apply: (image, { sigma, truncate }) => {
    const { height, width } = image;
    const floats = { data: floatPixels(image), height, width };
    const weights = gaussianWeights(sigma, truncate);
    const { data } = kernelConvolve(floats, weights) ?? convolve(floats, weights);
    // The weights' sum is 1 but for rounding.
    return { data: clippedFloats(data), height, width };
  },
});
