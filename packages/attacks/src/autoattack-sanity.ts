import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import type { AttackInput, Cost } from '@shield/core';
import { cleanLogits } from './apgd-other-classes.js';
import { crossEntropy, margin, oneHot } from './losses.js';

/** What makes a result of AutoAttack doubtful (flags_doc.md of the authors' code). */
export const FLAGS = {
  randomised: 'the model says different things of the same image: use version rand',
  unsteady_logits: 'logits of the same image differ in their last digits from pass to pass',
  probabilities: 'the model gives probabilities, not logits: gradients may vanish',
  zero_gradient: 'no gradient of the logits reaches the image: attacks that follow it are blind',
  zero_ce_gradient: 'the cross-entropy has no gradient, the logits being too far apart: apgd_ce is blind',
  square_ahead: 'square, which sees no gradient, broke what the attacks before it could not: gradients may be masked',
} as const;
export type Flag = keyof typeof FLAGS;

/** Passes that are compared. */
const PASSES = 5;

/** Difference of logits, of norm 1, from which on a model counts as randomised, and from which on as unsteady. */
const RANDOMISED = 1e-4;
const UNSTEADY = 1e-6;

/** What sums of probabilities may differ from 1 by. */
const TOLERANCE = 1e-5;

export function costOfSanity(version: string): Cost {
  return { forwards: passesOf(version), gradients: 2 };
}

/** A randomised model is what `rand` is for. */
function passesOf(version: string): number {
  return version === 'rand' ? 1 : PASSES;
}

/** The flags that each clean image raises. */
export async function sanityFlags(input: AttackInput, version: string): Promise<Set<Flag>[]> {
  const passes: number[][][] = [];
  for (let k = 0; k < passesOf(version); k++) passes.push(await cleanLogits(input));
  const gradients = await largestGradients(input);
  return Array.from(input.labels, (_, image) => {
    const rows = passes.map((logits) => logits[image]!);
    const flags = new Set<Flag>();
    const difference = largestDifference(rows);
    const verdicts = new Set(rows.map((row) => row.indexOf(Math.max(...row))));
    if (difference > RANDOMISED || verdicts.size > 1) flags.add('randomised');
    else if (difference > UNSTEADY) flags.add('unsteady_logits');
    if (areProbabilities(rows[0]!)) flags.add('probabilities');
    // Neither is true of NaN.
    const [ofMargin, ofCrossEntropy] = gradients.map((values) => values[image]! > 0);
    if (!ofMargin) flags.add('zero_gradient');
    else if (!ofCrossEntropy) flags.add('zero_ce_gradient');
    return flags;
  });
}

/** Between any two passes, of logits scaled to norm 1. */
function largestDifference(rows: readonly (readonly number[])[]): number {
  const scaled = rows.map((row) => {
    const length = Math.hypot(...row) + 1e-10;
    return row.map((value) => value / length);
  });
  let largest = 0;
  scaled.forEach((a, i) => {
    for (const b of scaled.slice(i + 1)) largest = Math.max(largest, Math.hypot(...a.map((value, k) => value - b[k]!)));
  });
  return largest;
}

function areProbabilities(row: readonly number[]): boolean {
  const sum = row.reduce((a, b) => a + b, 0);
  return row.every((value) => value > -TOLERANCE && value < 1 + TOLERANCE) && Math.abs(sum - 1) < TOLERANCE;
}

/** The largest derivative by a pixel of each clean image: of the margin of logits, and of the cross-entropy. */
async function largestGradients({ model, images, labels }: AttackInput): Promise<[Tensor1DValues, Tensor1DValues]> {
  const ask = model.compile<[Tensor4D, Tensor2D], [Tensor1D, Tensor1D]>(
    'largest gradients',
    { forwards: 0, gradients: 2 },
    (x, marked) => {
      const largest = (of: (logits: Tensor2D) => Tensor1D) => {
        const gradient = tf.grad((point: Tensor) => tf.sum(of(model.logits(point as Tensor4D))))(x);
        return tf.max<Tensor1D>(tf.abs(gradient), [1, 2, 3]);
      };
      return [largest((logits) => margin(logits, marked)), largest((logits) => crossEntropy(logits, marked))];
    },
  );
  const marked = oneHot(labels, model.classes);
  const [ofMargin, ofCrossEntropy] = ask(Array.from(labels.keys()), images, marked);
  try {
    return [await ofMargin.data(), await ofCrossEntropy.data()];
  } finally {
    tf.dispose([marked, ofMargin, ofCrossEntropy]);
  }
}

type Tensor1DValues = ArrayLike<number>;
