import * as tf from '@tensorflow/tfjs-core';
import type { Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import type { AttackInput } from '@shield/core';

/** What the model says of each clean image. One forward pass. */
export async function cleanLogits({ model, images, labels }: AttackInput): Promise<number[][]> {
  const logits = model.compile<[Tensor4D], [Tensor2D]>('logits', { forwards: 1, gradients: 0 }, (x) => [
    // A graph's output must be its own, which logits of a model need not be.
    tf.clone(model.logits(x)),
  ]);
  const [values] = logits(Array.from(labels.keys()), images);
  try {
    return await values.array();
  } finally {
    values.dispose();
  }
}

/**
 * The classes that are most likely on each clean image, but for its label, from the most likely down. One forward pass.
 *
 * @param count how many; fewer where the model has no more
 */
export async function otherClasses(input: AttackInput, count: number): Promise<number[][]> {
  return (await cleanLogits(input)).map((row, image) => {
    const others = row.map((_, k) => k).filter((k) => k !== input.labels[image]);
    // NaN compares with nothing: such rows keep the order of the classes.
    return others.sort((a, b) => row[b]! - row[a]! || a - b).slice(0, count);
  });
}
