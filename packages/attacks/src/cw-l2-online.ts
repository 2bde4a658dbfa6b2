import * as tf from '@tensorflow/tfjs-core';
import type { Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import type { AttackInput, AttackOutput } from '@shield/core';
import { ActiveSet } from './active-set.js';
import {
  NOT_FOUND,
  Progress,
  SAFETY,
  distanceFromWrong,
  scheduled,
  successOf,
  type CwOptions,
} from './cw-l2-objective.js';
import { oneHot } from './losses.js';
import { column } from './lp-balls.js';
import { withGradient } from './with-gradient.js';

type State = {
  x: Tensor4D;
  m: Tensor4D;
  v: Tensor4D;
  best: Tensor4D;
  bestL2: Tensor1D;
  clean: Tensor4D;
  marked: Tensor2D;
  constant: Tensor1D;
  distance: Tensor1D;
};

/** Shorter memory than usual: the descent is short, and the gradient turns at the boundary. */
const ADAM = { beta1: 0.8, beta2: 0.999, epsilon: 1e-12 };

/** What the constant is multiplied with while an image is not wrong yet, and divided by while it is. */
const GROWTH = 1.05;
/** The same until an image has been wrong for the first time. */
const GROWTH_AT_FIRST = 1.2;

/** The first constant over the one that a linear model would need. */
const OVER_LINEAR = 1.2;

/** Before the first gradient has said what the constant and the distance are. */
const UNKNOWN = -1;

/**
 * Carlini and Wagner's objective, ‖x' − x‖² + c·f(x'), in one descent for all constants. The first gradient gives the
 * distance to the decision boundary of the model made linear there (DeepFool's step), and with it the constant that a
 * linear model would need and the length of steps; c then grows by 5 % in each iteration in which the image is not wrong
 * yet, and shrinks by as much where it is, so that the descent walks along the boundary at falling distance (as in
 * Rony et al. 2019, arXiv:1811.09600, whose norm is steered in this way). The box is held by clipping: pixels that are 0
 * or 1 can move at once, which in tanh space they cannot.
 */
export async function searchOnline(input: AttackInput, o: CwOptions): Promise<AttackOutput> {
  const { images, labels, targets } = input;
  const n = labels.length;
  const step = compileStep(input, o);
  const iterations = new Int32Array(n);
  const progress = new Progress(n);
  const found = new Uint8Array(n);
  const done: { rows: readonly number[]; images: Tensor4D }[] = [];
  const active = new ActiveSet<State>(Array.from(labels.keys()), {
    x: tf.clone(images),
    m: tf.zerosLike(images),
    v: tf.zerosLike(images),
    best: tf.clone(images),
    bestL2: tf.fill([n], NOT_FOUND),
    clean: tf.clone(images),
    marked: oneHot(targets ?? labels, input.model.classes),
    constant: tf.fill([n], UNKNOWN),
    distance: tf.fill([n], UNKNOWN),
  });
  const leave = (stays: (image: number) => boolean) => {
    const going = active.rows.flatMap((image, row) => (stays(image) ? [] : [row]));
    if (going.length === 0) return;
    done.push({ rows: going.map((row) => active.rows[row]!), images: tf.tidy(() => outcome(active.state, going)) });
    active.keep(active.rows.flatMap((image, row) => (stays(image) ? [row] : [])));
  };
  try {
    for (let k = 1; k <= o.max_iterations && active.size > 0; k++) {
      const { bestL2, right } = await advance(step, active, scheduled(o, k), k);
      active.rows.forEach((image, row) => {
        iterations[image]!++;
        const first = found[image] === 0 && bestL2[row]! < NOT_FOUND;
        if (first) {
          found[image] = 1;
          progress.restart(image);
        }
        progress.saw(image, found[image] ? bestL2[row]! : Math.max(right[row]!, 0), k);
      });
      const rows = active.rows;
      const clean = new Set(rows.filter((_, row) => bestL2[row] === 0)); // wrong from the start
      if (clean.size > 0) leave((image) => !clean.has(image));
      if (o.early_stop && k % 5 === 0) leave((image) => progress.idle(image, k) < o.patience);
      await input.checkpoint({ done: k, of: o.max_iterations });
    }
    leave(() => false);
    return { images: inOrder(done), iterations };
  } finally {
    active.dispose();
    for (const part of done) part.images.dispose();
  }
}

/** One iteration: the gradient at x, the best image so far, the next constant, and x after Adam's step. */
function compileStep({ model, images, targets }: AttackInput, o: CwOptions) {
  const toTarget = targets !== undefined;
  const [, height, width, channels] = images.shape;
  const side = Math.sqrt(height * width * channels);
  return model.compile<
    [Tensor4D, Tensor4D, Tensor4D, Tensor4D, Tensor1D, Tensor4D, Tensor2D, Tensor1D, Tensor1D, Tensor1D, Tensor1D],
    [Tensor4D, Tensor4D, Tensor4D, Tensor4D, Tensor1D, Tensor1D, Tensor1D, Tensor1D]
  >(
    toTarget ? 'targeted online step' : 'online step',
    { forwards: 0, gradients: 1 },
    (x, m, v, best, bestL2, clean, marked, constant, distance, rate, correction) => {
      const { gradient, results } = withGradient(x, (x) => {
        const right = distanceFromWrong(model.logits(x), marked, toTarget);
        return { objective: tf.sum(right), results: { right } };
      });
      const { right } = results;
      const change = tf.sub<Tensor4D>(x, clean);
      const l2 = tf.sqrt(tf.sum<Tensor1D>(tf.square(change), [1, 2, 3]));
      const better = tf.mul(successOf(right, o.confidence), tf.cast(tf.less(l2, bestL2), 'float32'));
      const nextBest = tf.add(tf.mul(x, column(better)), tf.mul(best, column(tf.sub(1, better))));
      const nextBestL2 = tf.add<Tensor1D>(tf.mul(l2, better), tf.mul(bestL2, tf.sub(1, better)));

      const missing = tf.add<Tensor1D>(right, o.confidence + SAFETY);
      const squares = tf.maximum(tf.sum<Tensor1D>(tf.square(gradient), [1, 2, 3]), 1e-20);
      const known = tf.greaterEqual(constant, 0);
      const linear = tf.minimum(tf.div(tf.relu(missing), tf.sqrt(squares)), side);
      const nextDistance = tf.where<Tensor1D>(known, distance, linear as Tensor1D);
      const begin =
        o.initial_constant === 'auto'
          ? tf.div(tf.mul(tf.relu(missing), 2 * OVER_LINEAR), squares)
          : tf.fill(constant.shape, o.initial_constant);
      const growth = tf.where(
        tf.less(bestL2, NOT_FOUND),
        tf.fill(constant.shape, GROWTH),
        tf.fill(constant.shape, GROWTH_AT_FIRST),
      );
      const grown = tf.where(tf.greater(missing, 0), tf.mul(constant, growth), tf.div(constant, growth));
      const nextConstant = tf.where<Tensor1D>(known, grown as Tensor1D, begin as Tensor1D);

      const pull = tf.mul(nextConstant, tf.cast(tf.greater(missing, 0), 'float32'));
      const slope = tf.add(tf.mul(change, 2), tf.mul(gradient, column(pull)));
      const nextM = tf.add<Tensor4D>(tf.mul(m, ADAM.beta1), tf.mul(slope, 1 - ADAM.beta1));
      const nextV = tf.add<Tensor4D>(tf.mul(v, ADAM.beta2), tf.mul(tf.square(slope), 1 - ADAM.beta2));
      // In tanh space a step of r moves a mid-grey pixel by r / 2: so it does here.
      const length =
        o.learning_rate === 'auto' ? tf.div(nextDistance, side) : tf.fill(constant.shape, o.learning_rate / 2);
      const size = column(tf.mul(tf.mul(length, rate), correction));
      const nextX = tf.sub(x, tf.mul(tf.div(nextM, tf.add(tf.sqrt(nextV), ADAM.epsilon)), size));
      return [
        tf.clipByValue<Tensor4D>(nextX as Tensor4D, 0, 1),
        nextM,
        nextV,
        nextBest as Tensor4D,
        nextBestL2,
        nextConstant,
        nextDistance,
        right,
      ];
    },
  );
}

async function advance(step: ReturnType<typeof compileStep>, active: ActiveSet<State>, share: number, k: number) {
  const { state: s, size } = active;
  // For moments that began at zero (Kingma and Ba 2015, section 2).
  const correction = Math.sqrt(1 - ADAM.beta2 ** k) / (1 - ADAM.beta1 ** k);
  const scalars = [tf.fill<tf.Rank.R1>([size], share), tf.fill<tf.Rank.R1>([size], correction)] as const;
  const [x, m, v, best, bestL2, constant, distance, right] = step(
    active.rows,
    s.x,
    s.m,
    s.v,
    s.best,
    s.bestL2,
    s.clean,
    s.marked,
    s.constant,
    s.distance,
    ...scalars,
  );
  active.update({ x, m, v, best, bestL2, constant, distance });
  const values = { bestL2: await bestL2.data(), right: await right.data() };
  tf.dispose([...scalars, right]);
  return values;
}

/** What the attack gives for rows that leave: the best image, or the last where none was found. */
function outcome({ x, best, bestL2 }: State, rows: readonly number[]): Tensor4D {
  const found = column(tf.cast(tf.less(bestL2, NOT_FOUND), 'float32'));
  const images = tf.add<Tensor4D>(tf.mul(best, found), tf.mul(x, tf.sub(1, found)));
  return tf.gather(images, tf.tensor1d([...rows], 'int32'));
}

function inOrder(parts: readonly { readonly rows: readonly number[]; readonly images: Tensor4D }[]): Tensor4D {
  const rows = parts.flatMap((part) => part.rows);
  const place = new Int32Array(rows.length);
  rows.forEach((image, row) => (place[image] = row));
  return tf.tidy(() =>
    tf.gather(
      tf.concat(
        parts.map((part) => part.images),
        0,
      ),
      tf.tensor1d(place, 'int32'),
    ),
  );
}
