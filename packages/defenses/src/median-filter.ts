import { Type } from '@sinclair/typebox';
import { defineDefense } from '@shield/core';
import { kernelMedianOfNine } from './filters/kernel.js';
import { floatPixels } from './float-pixels.js';
import { medianOfFour } from './median/median-of-four.js';
import { medianOfNine } from './median/median-of-nine.js';
import { selectedMedian } from './median/selected-median.js';
import { slidingMedian } from './median/sliding-median.js';

/**
 * Median filter (Xu et al. 2018, section III-C; one of the filters that Das et al. 2018 compare with), equal to
 * `scipy.ndimage.median_filter` with its default mode `reflect`. Values are moved, never changed.
 */
export default defineDefense({
  name: 'median_filter',
  aliases: ['median'],
  summary: 'median filter: each value gives way to the median of its neighbourhood',
  reference: {
    title: 'Xu et al.: Feature Squeezing: Detecting Adversarial Examples in Deep Neural Networks, NDSS 2018',
    url: 'https://arxiv.org/abs/1704.01155',
  },
  takes: 'floats',
  random: false,
  gradient: 'straight-through',
  options: Type.Object(
    {
      size: Type.Integer({
        minimum: 1,
        maximum: 101,
        default: 3,
        description: 'side of the window, in pixels; a window of even size reaches one further up and left',
      }),
      across_channels: Type.Boolean({
        default: false,
        description:
          'the window also spans the colour channels, size deep (as Das et al. call SciPy); else each channel is filtered alone',
      }),
    },
    { additionalProperties: false },
  ),
  apply: (image, { size, across_channels: acrossChannels }) => {
    const { height, width } = image;
    const floats = { data: floatPixels(image), height, width };
    const fast = size === 3 && !acrossChannels ? kernelMedianOfNine(floats) : undefined;
    if (fast) return fast;
    const bits = orderedBits(floats.data);
    const medians = filtered(bits, height, width, size, acrossChannels);
    return { data: new Float32Array(medians.buffer), height, width };
  },
});

/** By the fastest way that there is for windows of this kind. */
function filtered(bits: Int32Array, height: number, width: number, size: number, acrossChannels: boolean): Int32Array {
  if (size === 2 && !acrossChannels) return medianOfFour(bits, height, width, 3);
  if (size === 3 && !acrossChannels) return medianOfNine(bits, height, width, 3);
  const way = size < 3 ? selectedMedian : slidingMedian;
  return way(bits, height, width, 3, size, acrossChannels);
}

/** The bits of floats that are not negative, which are in the order of their values as whole numbers. */
function orderedBits(values: Float32Array): Int32Array {
  const own = new Float32Array(values.length);
  // Adding 0 makes a zero of a negative one, whose bits would be below all others.
  for (let i = 0; i < own.length; i++) own[i] = values[i]! + 0;
  return new Int32Array(own.buffer);
}
