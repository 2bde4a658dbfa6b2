import * as tf from '@tensorflow/tfjs-core';
import type { Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import type { AttackInput, AttackOutput } from '@shield/core';
import { SAFETY } from './gradient-steps.js';
import { crossEntropy, margin, oneHot } from './losses.js';

/** Pixels of one image in [0, 1], row by row. */
export type Pixels = Float32Array;

/**
 * A search on one image that knows the model by its answers only: it yields images to be judged and is given, for each,
 * by how much the model is right (see {@link isWrong}). It returns its result and the iterations spent.
 */
export type Search<A = number> = Generator<readonly Pixels[], SearchResult, readonly A[]>;

export interface SearchResult {
  readonly image: Pixels;
  readonly iterations: number;
}

/** Logit of the label minus the largest other, or of the target with the sign turned: below 0 where the attack has won. */
export type Margins = readonly number[];

/** What is asked of the model about images: one answer each, in their order. */
export type Judge<A> = (asked: readonly Query[]) => Promise<A[]>;

interface Query {
  readonly image: number;
  readonly pixels: Pixels;
}

/** Images judged at once, at most. */
const BATCH = 32;

/** Whether the attack has won, by so much that another batch's rounding cannot undo it; a NaN is no win. */
export function isWrong(margin: number | undefined): boolean {
  return margin !== undefined && margin < -SAFETY;
}

/**
 * Runs one search for each image, all at once: what they ask in one round is judged together, and no search knows of the
 * others. An image that was asked for is read before the search goes on, which may write to it then.
 *
 * @param most how many images one search asks for at most, for progress
 */
export function searchEach(
  input: AttackInput,
  most: number,
  search: (clean: Pixels, image: number) => Search,
): Promise<AttackOutput> {
  return searchWith(input, most, marginJudge(input), search);
}

/** {@link searchEach} by other answers than margins. */
export async function searchWith<A>(
  input: AttackInput,
  most: number,
  judge: Judge<A>,
  search: (clean: Pixels, image: number) => Search<A>,
): Promise<AttackOutput> {
  const { images, labels } = input;
  const length = images.size / labels.length;
  const clean = Float32Array.from(await images.data());
  const results = new Float32Array(images.size);
  const iterations = new Int32Array(labels.length);
  let going = Array.from(labels.keys(), (image) => {
    const steps = search(clean.subarray(image * length, (image + 1) * length), image);
    return { image, steps, asked: steps.next() };
  });
  let spent = 0;
  for (;;) {
    going = going.filter(({ image, asked }) => {
      if (!asked.done) return true;
      results.set(asked.value.image, image * length);
      iterations[image] = asked.value.iterations;
      return false;
    });
    if (going.length === 0) break;
    const answers = await judge(
      going.flatMap(({ image, asked }) => (asked.value as readonly Pixels[]).map((pixels) => ({ image, pixels }))),
    );
    let at = 0;
    for (const entry of going) {
      const count = (entry.asked.value as readonly Pixels[]).length;
      entry.asked = entry.steps.next(answers.slice(at, at + count));
      at += count;
    }
    spent += answers.length;
    await input.checkpoint({ done: Math.min(spent, most * labels.length), of: most * labels.length });
  }
  return { images: tf.tensor4d(results, images.shape), iterations };
}

/** By how much the model is right about each image. */
export function marginJudge(input: AttackInput): Judge<number> {
  const sign = input.targets ? -1 : 1;
  const judge = compileJudge(input, 'margin', (logits, marked) => [tf.mul(margin(logits, marked), sign)]);
  return async (asked) => (await judge(asked)).map(([margin]) => margin!);
}

/** Margins, and the loss that goes down on the way to the goal: minus the cross-entropy of the label, or that of the target. */
export function crossEntropyJudge(input: AttackInput): Judge<{ readonly margin: number; readonly loss: number }> {
  const sign = input.targets ? -1 : 1;
  const judge = compileJudge(input, 'margin and cross-entropy', (logits, marked) => [
    tf.mul(margin(logits, marked), sign),
    tf.mul(crossEntropy(logits, marked), -sign),
  ]);
  return async (asked) => (await judge(asked)).map(([margin, loss]) => ({ margin: margin!, loss: loss! }));
}

/** @param of the answers, [n] each, from the logits and the one-hot labels or targets */
function compileJudge(
  { model, images, labels, targets }: AttackInput,
  name: string,
  of: (logits: Tensor2D, marked: Tensor2D) => Tensor1D[],
): Judge<number[]> {
  const goals = targets ?? labels;
  const [, height, width, channels] = images.shape;
  const ask = model.compile<[Tensor4D, Tensor2D], Tensor1D[]>(
    targets ? `targeted ${name}` : name,
    { forwards: 1, gradients: 0 },
    (x, marked) => of(model.logits(x), marked),
  );
  return async (asked) => {
    const answers: number[][] = [];
    for (let start = 0; start < asked.length; start += BATCH) {
      const part = asked.slice(start, start + BATCH);
      const values = new Float32Array(part.length * height * width * channels);
      part.forEach(({ pixels }, i) => values.set(pixels, i * pixels.length));
      const rows = part.map(({ image }) => image);
      const x = tf.tensor4d(values, [part.length, height, width, channels]);
      const marked = oneHot(
        rows.map((image) => goals[image]!),
        model.classes,
      );
      const given = ask(rows, x, marked);
      try {
        const read = await Promise.all(given.map((values) => values.data()));
        answers.push(...rows.map((_, i) => read.map((values) => values[i]!)));
      } finally {
        tf.dispose([x, marked, given]);
      }
    }
    return answers;
  };
}
