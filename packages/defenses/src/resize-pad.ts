import { Type, type Static } from '@sinclair/typebox';
import { defineDefense, refuseFault, type OptionFault, type Random } from '@shield/core';
import { floatPixels } from './float-pixels.js';
import { place, placeAll, type Placement } from './random-placement.js';

const options = Type.Object(
  {
    smallest: Type.Number({
      minimum: 0.1,
      maximum: 4,
      default: 0.9,
      description: 'least scale that is drawn, in sides of the image (299/331 of the canvas in the paper)',
    }),
    canvas: Type.Number({
      minimum: 0.1,
      maximum: 4,
      default: 1,
      description:
        'size of what comes out and largest scale that is drawn, in sides of the image (331/299 in the paper, whose networks take any size)',
    }),
    interpolation: Type.Union([Type.Literal('nearest'), Type.Literal('bilinear')], {
      default: 'nearest',
      description: 'how the image is scaled',
    }),
    fill: Type.Number({
      minimum: 0,
      maximum: 1,
      default: 0,
      description: 'level of the padding, 0 (black) to 1 (white)',
    }),
  },
  { additionalProperties: false },
);

/**
 * Random resizing and padding (Xie et al. 2018, section 3.2): the image is scaled to a size drawn evenly from
 * smallest … canvas, both sides alike, and laid at a place drawn evenly on a canvas of one level.
 */
export default defineDefense({
  name: 'resize_pad',
  summary: 'random resizing and padding',
  reference: {
    title: 'Xie et al.: Mitigating Adversarial Effects Through Randomization, ICLR 2018',
    url: 'https://arxiv.org/abs/1711.01991',
  },
  takes: 'floats',
  random: true,
  options,
  check: faultOf,
  gradient: (images, randoms, given) =>
    placeAll(images, randoms, (height, width, random) => draw(height, width, given, random)),
  apply: (image, given, random) => {
    const { height, width } = image;
    return place({ data: floatPixels(image), height, width }, draw(height, width, given, random));
  },
});

function faultOf({ smallest, canvas }: Static<typeof options>): OptionFault | undefined {
  if (smallest <= canvas) return undefined;
  const reason = `is ${smallest}, above the canvas of ${canvas}`;
  return { option: 'smallest', reason, expected: 'a scale that is not above canvas' };
}

/** @throws SPEC_INVALID_VALUE where the smallest scale is above the largest */
function draw(height: number, width: number, given: Static<typeof options>, random: Random): Placement {
  refuseFault('resize_pad', faultOf(given));
  const { smallest, canvas, interpolation, fill } = given;
  const scaled = (side: number, scale: number) => Math.max(1, Math.round(side * scale));
  // Drawn on the longer side, in whole pixels, so that every size is as likely.
  const longer = Math.max(height, width);
  const least = scaled(longer, smallest);
  const scale = (least + random.integer(scaled(longer, canvas) - least + 1)) / longer;
  const line = (side: number) => {
    const whole = scaled(side, canvas);
    const to = Math.min(whole, scaled(side, scale));
    return { start: 0, length: side, to, at: random.integer(whole - to + 1), canvas: whole };
  };
  return { rows: line(height), columns: line(width), interpolation, fill };
}
