import { Type } from '@sinclair/typebox';
import { defineDefense } from '@shield/core';
import { floatPixels } from './float-pixels.js';

/** Colour depth reduction (Xu et al. 2018, section III-B): each value to the nearest of 2^bits even levels. */
export default defineDefense({
  name: 'bit_depth',
  summary: 'colour depth reduction: each value to the nearest of a few levels',
  reference: {
    title: 'Xu et al.: Feature Squeezing: Detecting Adversarial Examples in Deep Neural Networks, NDSS 2018',
    url: 'https://arxiv.org/abs/1704.01155',
  },
  takes: 'floats',
  random: false,
  gradient: 'straight-through',
  options: Type.Object(
    {
      bits: Type.Integer({ minimum: 1, maximum: 8, default: 5, description: 'bits that are left of each channel' }),
    },
    { additionalProperties: false },
  ),
  apply: (image, { bits }) => {
    const { height, width } = image;
    const top = 2 ** bits - 1;
    const data = floatPixels(image).map((value) => roundHalfEven(Math.fround(value * top)) / top);
    return { data, height, width };
  },
});

/** Of a number in 0 … 2^51, as NumPy and tfjs round. */
function roundHalfEven(value: number): number {
  return value + 2 ** 52 - 2 ** 52;
}
