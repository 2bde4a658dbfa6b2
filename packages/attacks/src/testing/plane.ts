import * as tf from '@tensorflow/tfjs-core';
import type { Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import type { AttackInput, AttackPlugin } from '@shield/core';
import { attackFormula, CLASSES, SIZE, type Outcome } from './formula-network.js';

/** What every value of the images is. */
export const GRAY = Math.fround(0.4);

/** Says 0 while the mean of an image is below `limit`, whatever else it shows: the boundary is a plane. */
function meanBelow(limit: number): AttackInput['model'] {
  return {
    inputSize: { height: SIZE, width: SIZE },
    classes: CLASSES,
    logits: (x: Tensor4D): Tensor2D =>
      tf.tidy(() => {
        const over = tf.expandDims(tf.mul(tf.sub(tf.mean(x, [1, 2, 3]), limit), 1000), 1);
        return tf.concat([tf.zerosLike(over), over, tf.fill([x.shape[0], CLASSES - 2], -1e3)], 1) as Tensor2D;
      }),
    compile:
      (_name, _cost, fn) =>
      (_rows, ...inputs) =>
        tf.tidy(() => fn(...inputs)),
  };
}

/** What an attack makes of two gray images that are on the near side of the plane. */
export async function attackPlane(
  plugin: AttackPlugin,
  options: Record<string, unknown>,
  limit: number,
): Promise<Outcome> {
  const images = tf.fill<tf.Rank.R4>([2, SIZE, SIZE, 3], GRAY);
  try {
    return await attackFormula(plugin, options, 2, { model: meanBelow(limit), images, labels: Int32Array.of(0, 0) });
  } finally {
    images.dispose();
  }
}
