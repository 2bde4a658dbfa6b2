import { Type, type Static } from '@sinclair/typebox';
import { defineDefense, type Random } from '@shield/core';
import { floatPixels } from './float-pixels.js';
import { place, placeAll, type Placement } from './random-placement.js';

const options = Type.Object(
  {
    crop: Type.Number({
      minimum: 0.01,
      maximum: 1,
      default: 0.4,
      description: 'side of the crop, in sides of the image (90/224 in the paper)',
    }),
    interpolation: Type.Union([Type.Literal('nearest'), Type.Literal('bilinear')], {
      default: 'bilinear',
      description: 'how the crop is scaled up',
    }),
  },
  { additionalProperties: false },
);

/**
 * Cropping and rescaling (Guo et al. 2018, section 4): a crop from a place drawn evenly, scaled to the size of the image.
 * Each draw is one crop, so that `evaluate.draws: 30` makes the paper's ensemble of 30, and the attacker who averages over
 * draws meets the same.
 */
export default defineDefense({
  name: 'random_crop_ensemble',
  aliases: ['random_crop'],
  summary: 'a crop from a random place, scaled up; the draws of an evaluation are the ensemble',
  reference: {
    title: 'Guo et al.: Countering Adversarial Images using Input Transformations, ICLR 2018',
    url: 'https://arxiv.org/abs/1711.00117',
  },
  takes: 'floats',
  random: true,
  options,
  gradient: (images, randoms, given) =>
    placeAll(images, randoms, (height, width, random) => draw(height, width, given, random)),
  apply: (image, given, random) => {
    const { height, width } = image;
    return place({ data: floatPixels(image), height, width }, draw(height, width, given, random));
  },
});

function draw(
  height: number,
  width: number,
  { crop, interpolation }: Static<typeof options>,
  random: Random,
): Placement {
  const line = (side: number) => {
    const length = Math.max(1, Math.round(side * crop));
    return { start: random.integer(side - length + 1), length, to: side, at: 0, canvas: side };
  };
  return { rows: line(height), columns: line(width), interpolation, fill: 0 };
}
