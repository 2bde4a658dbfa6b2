import * as tf from '@tensorflow/tfjs-core';
import type { Tensor3D, Tensor4D } from '@tensorflow/tfjs-core';
import { Type } from '@sinclair/typebox';
import { defineAttack } from '@shield/core';
import { gradientSteps, type View } from './gradient-steps.js';
import { transferOptions, transferSteps } from './transfer-options.js';

const options = Type.Object(
  {
    ...transferOptions,
    probability: Type.Number({
      minimum: 0,
      maximum: 1,
      default: 0.5,
      description: 'how often the model sees the image shrunk and padded instead of as it is, 0 to 1',
    }),
    smallest: Type.Number({
      exclusiveMinimum: 0,
      maximum: 1,
      default: 0.9,
      description: 'smallest size that an image is shrunk to, as a share of the input size',
    }),
    decay: Type.Number({ minimum: 0, default: 1, description: 'share of the momentum that stays at each step (μ)' }),
  },
  { additionalProperties: false },
);

/**
 * Diverse-inputs FGSM (Xie et al. 2019, section 3.3; with momentum M-DI²-FGSM): at each step the model sees each image,
 * with some probability, shrunk to a drawn size and padded with zeros at a drawn place. The paper enlarges images of 299
 * pixels for networks that take any size; here the input size stays what the model takes.
 */
export default defineAttack({
  name: 'di_fgsm',
  aliases: ['difgsm'],
  summary: 'diverse-inputs FGSM: signed steps along gradients through randomly shrunk and padded images',
  reference: {
    title: 'Xie et al.: Improving Transferability of Adversarial Examples with Input Diversity, CVPR 2019',
    url: 'https://arxiv.org/abs/1803.06978',
  },
  norm: 'linf',
  targeted: true,
  needs: 'gradients',
  random: true,
  options,
  cost: ({ steps }) => ({ forwards: 0, gradients: steps }),
  run: (input, o) => {
    const { height, width } = input.model.inputSize;
    const view: View = {
      shapes: [
        [height, height],
        [width, width],
      ],
      draw: (image, k) => {
        const random = input.random(image, k);
        const share = random.uniform() < o.probability ? o.smallest + (1 - o.smallest) * random.uniform() : 1;
        return [height, width].map((size) => {
          const shrunk = Math.max(1, Math.floor(size * share));
          return shrinkAndPad(size, shrunk, random.integer(size - shrunk + 1));
        });
      },
      apply: alongBothSides,
    };
    return gradientSteps(input, { ...transferSteps(o), decay: o.decay, view });
  },
});

/**
 * Bilinear shrinking (half-pixel centres, no smoothing) of a line of `size` samples to `shrunk`, which stand from `at`
 * on with zeros around them, as a matrix [size, size].
 */
export function shrinkAndPad(size: number, shrunk: number, at: number): Float32Array {
  const matrix = new Float32Array(size * size);
  for (let k = 0; k < shrunk; k++) {
    const centre = Math.min(size - 1, Math.max(0, ((k + 0.5) * size) / shrunk - 0.5));
    const below = Math.floor(centre);
    const above = Math.min(size - 1, below + 1);
    matrix[(at + k) * size + below]! += 1 - (centre - below);
    matrix[(at + k) * size + above]! += centre - below;
  }
  return matrix;
}

/** Each image's lines put together by its matrix for the height, and its columns by that for the width. */
function alongBothSides(images: Tensor4D, ...[down, across]: Tensor3D[]): Tensor4D {
  const [, height, width, channels] = images.shape;
  const lines = tf.reshape<tf.Rank.R3>(images, [-1, height, width * channels]);
  // Turned by the product itself, so that one pass over the images is enough in the end.
  const turned = tf.matMul(lines, down!, true, true);
  const columns = tf.reshape<tf.Rank.R3>(turned, [-1, width, channels * height]);
  const both = tf.reshape<tf.Rank.R4>(tf.matMul(across!, columns), [-1, width, channels, height]);
  return tf.transpose(both, [0, 3, 1, 2]);
}
