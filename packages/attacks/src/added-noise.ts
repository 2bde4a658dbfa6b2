import * as tf from '@tensorflow/tfjs-core';
import { Type } from '@sinclair/typebox';
import type { AttackInput, AttackOutput, Random } from '@shield/core';
import { bestOf } from './best-of.js';

export const repeatsOption = Type.Integer({
  minimum: 1,
  default: 1,
  description:
    'draws at most; the first that the model gets wrong is kept, or that nearest to it. 1: the model is not asked',
});

/** Noise added to every number of each image, clipped to [0, 1]; each repeat is a draw of the image's own stream. */
export function addNoise(
  input: AttackInput,
  repeats: number,
  noise: (random: Random) => number,
): Promise<AttackOutput> {
  const { images, random } = input;
  const [, height, width, channels] = images.shape;
  const length = height * width * channels;
  return bestOf(input, repeats, async (rows, t) => {
    const clean = await images.data();
    const values = new Float32Array(rows.length * length);
    rows.forEach((image, row) => {
      const stream = random(image, t);
      for (let k = 0; k < length; k++) {
        values[row * length + k] = Math.min(1, Math.max(0, clean[image * length + k]! + noise(stream)));
      }
    });
    await input.checkpoint({ done: t + 1, of: repeats });
    return {
      images: tf.tensor4d(values, [rows.length, height, width, channels]),
      iterations: new Int32Array(rows.length).fill(1),
    };
  });
}
