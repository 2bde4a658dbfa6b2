import { Type } from '@sinclair/typebox';
import { defineDefense, refuseFault, type OptionFault } from '@shield/core';
import { clippedFloats, floatPixels } from './float-pixels.js';
import { nonLocalMeans } from './nlm.js';

/**
 * Non-local means (Buades et al. 2005) over the colour channels together, with the formula of OpenCV's
 * `fastNlMeansDenoising` in floats. Xu et al. 2018 write its settings (search-patch-strength): 13-3-4 is theirs for
 * ImageNet; they call OpenCV's variant that takes lightness and colour apart.
 */
export default defineDefense({
  name: 'non_local_means',
  aliases: ['nlm'],
  summary: 'non-local means: each pixel becomes a mean of pixels with similar surroundings',
  reference: {
    title: 'Buades et al.: A Non-Local Algorithm for Image Denoising, CVPR 2005',
    url: 'https://doi.org/10.1109/CVPR.2005.38',
  },
  takes: 'floats',
  random: false,
  gradient: 'straight-through',
  check: faultOf,
  options: Type.Object(
    {
      search: Type.Integer({
        minimum: 1,
        maximum: 101,
        default: 13,
        description: 'side of the window that similar pixels are looked for in, in pixels; odd',
      }),
      patch: Type.Integer({
        minimum: 1,
        maximum: 51,
        default: 3,
        description: 'side of the surroundings that are compared, in pixels; odd',
      }),
      strength: Type.Number({
        exclusiveMinimum: 0,
        maximum: 255,
        default: 4,
        description:
          'difference of surroundings at which a weight falls to 1/e, in 0-255 pixel levels (root mean square)',
      }),
    },
    { additionalProperties: false },
  ),
  apply: (image, { search, patch, strength }) => {
    const { height, width } = image;
    refuseFault('non_local_means', faultOf({ search, patch }));
    const sides = { search, patch, strength: strength / 255 };
    return { data: clippedFloats(nonLocalMeans(floatPixels(image), height, width, sides)), height, width };
  },
});

function faultOf(sides: { readonly search: number; readonly patch: number }): OptionFault | undefined {
  const option = (['search', 'patch'] as const).find((each) => sides[each] % 2 === 0);
  if (!option) return undefined;
  const reason = `is ${sides[option]}, and a window has a middle`;
  return { option, reason, expected: `an odd number, such as ${sides[option] + 1}` };
}
