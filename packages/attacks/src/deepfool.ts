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
    norm: Type.Union([Type.Literal('l2'), Type.Literal('linf')], {
      default: 'l2',
      description: 'norm in which the nearest boundary is looked for and the step to it is shortest',
    }),
  },
  { additionalProperties: false },
);

type Options = Static<typeof options>;
type State = { x: Tensor4D; clean: Tensor4D; change: Tensor4D; others: Tensor3D; marked: Tensor2D };

/** Added to each step, in the norm, as Foolbox does: a step that ends on the boundary itself would never cross it. */
const BEYOND = 1e-4;

/** Keeps a gradient that is 0 everywhere from being divided by 0. */
const TINY = 1e-8;

/** Farther than any boundary. */
const FAR = 1e30;

/**
 * Batch sizes of the step's graph, which holds the backward pass of every candidate: an image takes as long in a batch
 * of 4 as in one of 16, a graph for 16 takes four times as long to make, and images leave one by one.
 */
const BATCHES = [1, 4];

/**
 * DeepFool (Moosavi-Dezfooli et al. 2016, algorithm 2): goes to the nearest boundary of the model made linear, again
 * and again, until the model is wrong. An image leaves as soon as it is: a forward pass before each step asks. The gradients of
 * all candidates come from one forward pass. The candidates are those of the clean image and each step is a little longer
 * than the paper's, both as in Foolbox.
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
  cost: ({ candidates, max_iterations }) => ({
    forwards: max_iterations,
    gradients: (candidates - 1) * max_iterations,
  }),
  run,
});

async function run(input: AttackInput, o: Options): Promise<AttackOutput> {
  const { images, labels, model } = input;
  const count = Math.min(o.candidates, model.classes) - 1;
  const ask = compileAsk(input);
  const step = compileStep(input, count, o);
  const rows = Array.from(labels.keys());
  const iterations = new Int32Array(labels.length);
  const done = new DoneImages();
  const active = new ActiveSet<State>(rows, {
    x: tf.clone(images),
    clean: tf.clone(images),
    change: tf.zerosLike(images),
    others: tf.zeros([labels.length, count, model.classes]),
    marked: oneHot(labels, model.classes),
  });
  const leave = (going: readonly number[]) => {
    if (going.length === 0) return;
    const x = tf.tidy(() => tf.gather(active.state.x, tf.tensor1d([...going], 'int32')));
    done.add(
      going.map((row) => active.rows[row]!),
      x,
    );
    const gone = new Set(going);
    active.keep(active.rows.flatMap((_, row) => (gone.has(row) ? [] : [row])));
  };
  try {
    for (let k = 1; k <= o.max_iterations && active.size > 0; k++) {
      const { logits, right } = await ask(active);
      if (k === 1) active.update({ others: highestOthers(logits, labels, count, model.classes) });
      // A margin that is no number leads nowhere: such an image stays as it is.
      leave(active.rows.flatMap((_, row) => (right[row]! >= -SAFETY ? [] : [row])));
      if (active.size > 0) {
        const { x, clean, change, others, marked } = active.state;
        const [nextX, nextChange] = step(active.rows, x, clean, change, others, marked);
        for (const image of active.rows) iterations[image]!++;
        active.update({ x: nextX, change: nextChange });
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

/** What the model says of the images, and by how much it is right. */
function compileAsk({ model }: AttackInput) {
  const judge = model.compile<[Tensor4D, Tensor2D], [Tensor2D, Tensor1D]>(
    'logits',
    { forwards: 1, gradients: 0 },
    (x, marked) => {
      const logits = model.logits(x);
      return [logits, margin(logits, marked)];
    },
  );
  return async ({ rows, state: { x, marked } }: ActiveSet<State>) => {
    const [logits, right] = judge(rows, x, marked);
    try {
      return { logits: await logits.array(), right: await right.data() };
    } finally {
      tf.dispose([logits, right]);
    }
  };
}

/** The `count` classes with the highest logits beside each image's label, one-hot: [n, count, classes]. */
function highestOthers(logits: number[][], labels: Int32Array, count: number, classes: number): Tensor3D {
  const ranked = logits.flatMap((row, i) =>
    Array.from(row.keys())
      .filter((c) => c !== labels[i])
      .sort((a, b) => row[b]! - row[a]!)
      .slice(0, count),
  );
  return tf.tidy(() => tf.reshape<tf.Rank.R3>(oneHot(ranked, classes), [labels.length, count, classes]));
}

/** One step to the nearest of the boundaries. */
function compileStep({ model }: AttackInput, count: number, { overshoot, norm }: Options) {
  return model.compile<[Tensor4D, Tensor4D, Tensor4D, Tensor3D, Tensor2D], [Tensor4D, Tensor4D]>(
    'step',
    { forwards: 0, gradients: count },
    (x, clean, change, others, marked) => {
      let nearest = tf.fill<tf.Rank.R1>([x.shape[0]], FAR);
      let shortest: Tensor4D = tf.zerosLike(x);
      for (const other of tf.unstack(others, 1) as Tensor2D[]) {
        // Written as one gradient each; in a graph the forward passes, being all the same, are one.
        const { gradient, results } = withGradient(x, (x) => {
          const behind = tf.sum<Tensor1D>(tf.mul(model.logits(x), tf.sub(other, marked)), 1);
          return { objective: tf.sum(behind), results: { behind } };
        });
        const slope = tf.add(dualNorm(gradient, norm), TINY);
        const distance = tf.div<Tensor1D>(tf.abs(results.behind), slope);
        const length = tf.add(distance, BEYOND);
        const step =
          norm === 'l2'
            ? tf.mul<Tensor4D>(gradient, column(tf.div(length, slope)))
            : tf.mul<Tensor4D>(tf.sign(gradient), column(length));
        // Never true of NaN: a gradient that is no number is never followed.
        const nearer = tf.less<Tensor1D>(distance, nearest);
        shortest = tf.where(column(nearer), step, shortest);
        nearest = tf.where(nearer, distance, nearest);
      }
      const nextChange = tf.add<Tensor4D>(change, shortest);
      const moved = tf.add<Tensor4D>(clean, tf.mul(nextChange, 1 + overshoot));
      return [tf.clipByValue(moved, 0, 1), nextChange];
    },
    { batches: BATCHES },
  );
}

/** [n, h, w, 3] → [n]: the distance to a plane is its offset over this norm of its normal. */
function dualNorm(gradient: Tensor4D, norm: 'l2' | 'linf'): Tensor1D {
  return norm === 'l2'
    ? tf.sqrt(tf.sum<Tensor1D>(tf.square(gradient), [1, 2, 3]))
    : tf.sum<Tensor1D>(tf.abs(gradient), [1, 2, 3]);
}

/** [n] → [n, 1, 1, 1], to go with images. */
function column(values: tf.Tensor): Tensor4D {
  return tf.reshape(values, [-1, 1, 1, 1]);
}
