import { Type, type Static } from '@sinclair/typebox';
import { defineDefense } from '@shield/core';
import { floatPixels } from './float-pixels.js';
import { compose, cutting, resizing, separable, type LineMap } from './separable.js';

const options = Type.Object(
  {
    share: Type.Number({
      exclusiveMinimum: 0,
      maximum: 1,
      default: 0.875,
      description: 'central share of each side that is kept, above 0 up to 1',
    }),
    interpolation: Type.Union([Type.Literal('bilinear'), Type.Literal('bilinear_tf1')], {
      default: 'bilinear',
      description:
        'how it is scaled to the former size: bilinear between centres of pixels as Pillow does, or bilinear_tf1 between their upper left corners, as TensorFlow 1 and so the original do',
    }),
  },
  { additionalProperties: false },
);

/**
 * The middle of the image, scaled up to the size of the whole: what tf-slim's preprocessing shows its networks
 * (inception_preprocessing.py, preprocess_for_eval) and what the original does to defended images before it evaluates
 * them. Last in a chain, it belongs to the evaluation more than to the defense.
 */
export default defineDefense({
  name: 'central_crop',
  summary: 'the middle of the image, scaled up to its size: the last step of the original before it evaluates',
  takes: 'floats',
  random: false,
  options,
  gradient: (images, _, given) => {
    const [, height, width] = images.shape;
    return separable(images, lines(height, given), lines(width, given));
  },
  apply: (image, given) => {
    const { height, width } = image;
    const [rows, columns] = [lines(height, given), lines(width, given)];
    const wide = across(floatPixels(image), height, width, columns);
    return { data: down(wide, width, rows), height, width };
  },
});

/** Lines of `length` to their middle, scaled to `length`. */
function lines(length: number, { share, interpolation }: Static<typeof options>): LineMap {
  // As tf.image.central_crop counts.
  const start = Math.trunc((length - length * share) / 2);
  const kept = length - 2 * start;
  return compose(resizing(kept, length, interpolation), cutting(length, start, kept));
}

function across(pixels: Float32Array, height: number, width: number, columns: LineMap): Float32Array {
  const out = new Float32Array(height * columns.to * 3);
  each(columns, (x, from, weight) => {
    for (let y = 0; y < height; y++) {
      const [o, i] = [(y * columns.to + x) * 3, (y * width + from) * 3];
      for (let c = 0; c < 3; c++) out[o + c]! += weight * pixels[i + c]!;
    }
  });
  return out;
}

function down(pixels: Float32Array, width: number, rows: LineMap): Float32Array {
  const length = width * 3;
  const out = new Float32Array(rows.to * length);
  each(rows, (y, from, weight) => {
    for (let k = 0; k < length; k++) out[y * length + k]! += weight * pixels[from * length + k]!;
  });
  return out;
}

function each({ weights, from, to }: LineMap, visit: (to: number, from: number, weight: number) => void): void {
  for (let i = 0; i < to; i++)
    for (let k = 0; k < from; k++) if (weights[i * from + k] !== 0) visit(i, k, weights[i * from + k]!);
}
