import { Type, type Static } from '@sinclair/typebox';
import { defineAttack, type AttackInput, type AttackOutput } from '@shield/core';
import * as tf from '@tensorflow/tfjs-core';
import type { Tensor1D, Tensor2D, Tensor3D, Tensor4D } from '@tensorflow/tfjs-core';
import { ActiveSet } from './active-set.js';
import { DoneImages } from './done-images.js';
import { SAFETY } from './gradient-steps.js';
import { margin, oneHot } from './losses.js';
import { withGradient } from './with-gradient.js';

const options = Type.Object(
  {
    candidates: Type.Integer({
      minimum: 2,
      default: 10,
      description: 'classes with the highest logits of the clean image that are looked at, the label among them',
    }),
    max_iterations: Type.Integer({
      minimum: 1,
      default: 50,
      description: 'steps at most, each of which takes candidates - 1 gradients',
    }),
    overshoot: Type.Number({
      minimum: 0,
      default: 0.02,
      description: 'share by which the change goes beyond the boundary of the model made linear (η)',
    }),
  },
  { additionalProperties: false },
);

type Options = Static<typeof options>;
type State = { x: Tensor4D; clean: Tensor4D; change: Tensor4D; others: Tensor3D; marked: Tensor2D };

/** Added to each step, in L2, as Foolbox does: a step that ends on the boundary itself would never cross it. */
const BEYOND = 1e-4;

/** Keeps a gradient that is 0 everywhere from being divided by 0. */
const TINY = 1e-8;

/** Farther than any boundary. */
const FAR = 1e30;

/**
 * DeepFool (Moosavi-Dezfooli et al. 2016, algorithm 2): goes to the nearest boundary of the model made linear, again
 * and again, until the model is wrong. An image leaves as soon as it is. The candidates are those of the clean image
 * and each step is a little longer than the paper's, both as in Foolbox.
 */
export default defineAttack({
  name: 'deepfool',
  aliases: ['df'],
  summary: 'DeepFool: steps to the nearest boundary of the model made linear',
  reference: {
    title:
      'Moosavi-Dezfooli, Fawzi, Frossard: DeepFool: a Simple and Accurate Method to Fool Deep Neural Networks, CVPR 2016',
    url: 'https://arxiv.org/abs/1511.04599',
  },
  norm: 'l2',
  targeted: false,
  needs: 'gradients',
  random: false,
  options,
  cost: ({ candidates, max_iterations }) => ({ forwards: 1, gradients: (candidates - 1) * max_iterations }),
  run,
});

async function run(input: AttackInput, o: Options): Promise<AttackOutput> {
  const { images, labels, model } = input;
  const others = Math.min(o.candidates, model.classes) - 1;
  const step = compileStep(input, others, o.overshoot);
  const rows = Array.from(labels.keys());
  const iterations = new Int32Array(labels.length);
  const done = new DoneImages();
  const active = new ActiveSet<State>(rows, {
    x: tf.clone(images),
    clean: tf.clone(images),
    change: tf.zerosLike(images),
    others: await otherClasses(input, others),
    marked: oneHot(labels, model.classes),
  });
  const leave = (going: readonly number[]) => {
    if (going.length === 0) return;
    const x = tf.tidy(() => tf.gather(active.state.x, tf.tensor1d([...going], 'int32')));
    done.add(
      going.map((row) => active.rows[row]!),
      x,
    );
    active.keep(active.rows.flatMap((_, row) => (going.includes(row) ? [] : [row])));
  };
  try {
    for (let k = 1; k <= o.max_iterations && active.size > 0; k++) {
      const { x, clean, change, others, marked } = active.state;
      const [nextX, nextChange, right] = step(active.rows, x, clean, change, others, marked);
      const next = new ActiveSet(active.rows, { x: nextX, change: nextChange });
      try {
        const values = await right.data();
        // A margin that is no number leads nowhere: such an image stays as it is.
        const stays = (row: number) => values[row]! >= -SAFETY;
        leave(active.rows.flatMap((_, row) => (stays(row) ? [] : [row])));
        next.keep(next.rows.flatMap((_, row) => (stays(row) ? [row] : [])));
        for (const image of active.rows) iterations[image]!++;
        active.update({ x: tf.clone(next.state.x), change: tf.clone(next.state.change) });
      } finally {
        right.dispose();
        next.dispose();
      }
      await input.checkpoint({ done: k, of: o.max_iterations });
    }
    leave(active.rows.map((_, row) => row));
    return { images: done.inOrder(rows), iterations };
  } finally {
    active.dispose();
    done.dispose();
  }
}

/** The `count` classes with the highest logits beside each image's label, one-hot: [n, count, classes]. */
async function otherClasses({ model, images, labels }: AttackInput, count: number): Promise<Tensor3D> {
  const ask = model.compile<[Tensor4D], [Tensor2D]>('logits', { forwards: 1, gradients: 0 }, (x) => [model.logits(x)]);
  const [logits] = ask(Array.from(labels.keys()), images);
  try {
    const values = await logits.array();
    const ranked = values.flatMap((row, i) =>
      Array.from(row.keys())
        .filter((c) => c !== labels[i])
        .sort((a, b) => row[b]! - row[a]!)
        .slice(0, count),
    );
    return tf.tidy(() => tf.reshape<tf.Rank.R3>(oneHot(ranked, model.classes), [labels.length, count, model.classes]));
  } finally {
    logits.dispose();
  }
}

/** One step to the nearest of the boundaries, and by how much the model was right before it. */
function compileStep({ model }: AttackInput, count: number, overshoot: number) {
  return model.compile<[Tensor4D, Tensor4D, Tensor4D, Tensor3D, Tensor2D], [Tensor4D, Tensor4D, Tensor1D]>(
    'step',
    { forwards: 0, gradients: count },
    (x, clean, change, others, marked) => {
      let right: Tensor1D | undefined;
      let nearest = tf.fill<tf.Rank.R1>([x.shape[0]], FAR);
      let shortest: Tensor4D = tf.zerosLike(x);
      for (const other of tf.unstack(others, 1) as Tensor2D[]) {
        const { gradient, results } = withGradient(x, (x) => {
          const logits = model.logits(x);
          const behind = tf.sum<Tensor1D>(tf.mul(logits, tf.sub(other, marked)), 1);
          return { objective: tf.sum(behind), results: { behind, right: margin(logits, marked) } };
        });
        right ??= results.right;
        const slope = tf.add(tf.sqrt(tf.sum<Tensor1D>(tf.square(gradient), [1, 2, 3])), TINY);
        const distance = tf.div<Tensor1D>(tf.abs(results.behind), slope);
        const step = tf.mul<Tensor4D>(gradient, column(tf.div(tf.add(distance, BEYOND), slope)));
        // Never true of NaN: a gradient that is no number is never followed.
        const nearer = tf.less<Tensor1D>(distance, nearest);
        shortest = tf.where(column(nearer), step, shortest);
        nearest = tf.where(nearer, distance, nearest);
      }
      const nextChange = tf.add<Tensor4D>(change, shortest);
      const moved = tf.add<Tensor4D>(clean, tf.mul(nextChange, 1 + overshoot));
      return [tf.clipByValue(moved, 0, 1), nextChange, right!];
    },
  );
}

/** [n] → [n, 1, 1, 1], to go with images. */
function column(values: Tensor1D): Tensor4D {
  return tf.reshape(values, [-1, 1, 1, 1]);
}
