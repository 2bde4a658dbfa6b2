import * as tf from '@tensorflow/tfjs-core';
import type { Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import type { AttackInput, AttackOutput, Cost } from '@shield/core';
import { DoneImages } from './done-images.js';
import { SAFETY } from './gradient-steps.js';
import { margin, oneHot } from './losses.js';

/** What asking the model after each try costs an image; after a single one there is nothing to choose. */
export function costOfChoosing(tries: number): Cost {
  return { forwards: tries > 1 ? tries : 0, gradients: 0 };
}

/**
 * The best of several tries of an attack. An image that the model gets wrong tries no more; one that it never gets wrong
 * is given as the try left it to which the label (the target) was nearest by the margin of logits.
 *
 * @param attempt try t (0, 1, …) on these of the attack's images, in their order
 */
export async function bestOf(
  input: AttackInput,
  tries: number,
  attempt: (rows: readonly number[], t: number) => Promise<AttackOutput>,
): Promise<AttackOutput> {
  const all = Array.from(input.labels.keys());
  if (tries === 1) return attempt(all, 0);
  const judge = compileJudge(input);
  const iterations = new Int32Array(all.length);
  const least = new Float64Array(all.length).fill(Infinity);
  const best = new Map<number, Tensor4D>();
  try {
    let standing = all;
    for (let t = 0; t < tries && standing.length > 0; t++) {
      const tried = await attempt(standing, t);
      try {
        const right = await judge(standing, tried.images);
        standing.forEach((image, row) => {
          iterations[image]! += tried.iterations[row]!;
          // A margin that is no number is never the better one; the first try stands in for it.
          if (!(right[row]! < least[image]!) && best.has(image)) return;
          least[image] = Number.isNaN(right[row]!) ? Infinity : right[row]!;
          best.get(image)?.dispose();
          best.set(image, tf.slice(tried.images, [row, 0, 0, 0], [1, -1, -1, -1]));
        });
      } finally {
        tried.images.dispose();
      }
      standing = standing.filter((image) => !(least[image]! < -SAFETY));
    }
    const done = new DoneImages();
    for (const [image, x] of best) done.add([image], x);
    return { images: done.inOrder(all), iterations };
  } finally {
    for (const x of best.values()) x.dispose();
  }
}

/** By how much the model is right: the label's margin, or the target's with the other sign. */
function compileJudge({ model, labels, targets }: AttackInput) {
  const sign = targets ? -1 : 1;
  const goals = targets ?? labels;
  const right = model.compile<[Tensor4D, Tensor2D], [Tensor1D]>(
    targets ? 'targeted margin' : 'margin',
    { forwards: 1, gradients: 0 },
    (x, marked) => [tf.mul(margin(model.logits(x), marked), sign)],
  );
  return async (rows: readonly number[], images: Tensor4D) => {
    const marked = oneHot(
      rows.map((image) => goals[image]!),
      model.classes,
    );
    const [values] = right(rows, images, marked);
    try {
      return await values.data();
    } finally {
      tf.dispose([values, marked]);
    }
  };
}
