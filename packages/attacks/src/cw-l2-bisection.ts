import * as tf from '@tensorflow/tfjs-core';
import type { Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import type { AttackInput, AttackOutput } from '@shield/core';
import { ActiveSet } from './active-set.js';
import { ConstantSearch } from './constant-search.js';
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
  w: Tensor4D;
  m: Tensor4D;
  v: Tensor4D;
  best: Tensor4D;
  clean: Tensor4D;
  marked: Tensor2D;
};

interface Left {
  readonly rows: readonly number[];
  readonly best: Tensor4D;
  readonly w: Tensor4D;
}

/** Keeps atanh finite; a pixel thereby moves by at most 5e-7. */
const INSIDE = 0.999999;

const ADAM = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };

/** Where `auto` begins: what gave the smallest distances on EfficientNet-Lite0 in so few steps, and the paper's constant. */
const AUTO = { learningRate: 0.002, constant: 0.01 };

/**
 * Carlini and Wagner's search as in the paper (section VI.A): in each step of a bisection over c, ‖x' − x‖² + c·f(x')
 * is minimised over w with x' = (tanh(w) + 1)/2 by Adam. Value, gradient and Adam's update are one compiled function.
 */
export async function searchByBisection(input: AttackInput, o: CwOptions): Promise<AttackOutput> {
  const { images, labels, targets } = input;
  const n = labels.length;
  const step = compileStep(input, o);
  const search = new ConstantSearch(n, o.initial_constant === 'auto' ? AUTO.constant : o.initial_constant);
  const bestL2 = new Float64Array(n).fill(NOT_FOUND);
  const iterations = new Int32Array(n);
  const results = { best: tf.clone(images), start: toTanhSpace(images), last: tf.clone(images) };
  const done: Left[] = [];
  try {
    for (let round = 0; round < o.search_steps; round++) {
      const found = new Uint8Array(n);
      const progress = new Progress(n);
      const active = new ActiveSet<State>(Array.from(labels.keys()), begin(input, results, targets ?? labels));
      try {
        for (let k = 1; k <= o.max_iterations && active.size > 0; k++) {
          const best = active.rows.map((image) => bestL2[image]!);
          const { l2, success, loss } = await advance(
            step,
            active,
            search.constants(active.rows),
            best,
            stepSize(o, k),
          );
          active.rows.forEach((image, row) => {
            iterations[image]!++;
            if (success[row]! > 0) {
              if (found[image] === 0) progress.restart(image);
              found[image] = 1;
              bestL2[image] = Math.min(bestL2[image]!, l2[row]!);
              progress.saw(image, l2[row]!, k);
            } else if (found[image] === 0) progress.saw(image, loss[row]!, k);
          });
          if (o.early_stop && k % 5 === 0) leave(active, done, (image) => progress.idle(image, k) < o.patience);
          await input.checkpoint({ done: round * o.max_iterations + k, of: o.search_steps * o.max_iterations });
        }
        leave(active, done, () => false);
      } finally {
        active.dispose();
      }
      gather(results, done.splice(0), o.warm_start, bestL2);
      for (let i = 0; i < n; i++) search.tried(i, found[i] === 1);
    }
    return { images: outcome(results, bestL2), iterations };
  } finally {
    tf.dispose([results.best, results.start, results.last]);
    for (const { best, w } of done) tf.dispose([best, w]);
  }
}

/** One iteration: the loss at w, its gradient, the best image so far, and w after Adam's step. */
function compileStep({ model, targets }: AttackInput, o: CwOptions) {
  const toTarget = targets !== undefined;
  return model.compile<
    [Tensor4D, Tensor4D, Tensor4D, Tensor4D, Tensor4D, Tensor2D, Tensor1D, Tensor1D, Tensor1D],
    [Tensor4D, Tensor4D, Tensor4D, Tensor4D, Tensor1D, Tensor1D, Tensor1D]
  >(
    toTarget ? 'targeted step' : 'step',
    { forwards: 0, gradients: 1 },
    (w, m, v, best, clean, marked, constant, bestL2, rate) => {
      const { gradient, results } = withGradient(w, (w) => {
        const adversarial = toPixels(w);
        const squares = tf.sum<Tensor1D>(tf.square(tf.sub(adversarial, clean)), [1, 2, 3]);
        const right = distanceFromWrong(model.logits(adversarial), marked, toTarget);
        const loss = tf.add<Tensor1D>(squares, tf.mul(constant, tf.relu(tf.add(right, o.confidence + SAFETY))));
        return { objective: tf.sum(loss), results: { squares, right, adversarial, loss } };
      });
      const { adversarial, loss } = results;
      const l2 = tf.sqrt(results.squares);
      const success = successOf(results.right, o.confidence);
      const better = column(tf.mul(success, tf.cast(tf.less(l2, bestL2), 'float32')));
      const nextBest = tf.add<Tensor4D>(tf.mul(adversarial, better), tf.mul(best, tf.sub(1, better)));
      const nextM = tf.add<Tensor4D>(tf.mul(m, ADAM.beta1), tf.mul(gradient, 1 - ADAM.beta1));
      const nextV = tf.add<Tensor4D>(tf.mul(v, ADAM.beta2), tf.mul(tf.square(gradient), 1 - ADAM.beta2));
      const direction = tf.div(nextM, tf.add(tf.sqrt(nextV), ADAM.epsilon));
      const nextW = tf.sub<Tensor4D>(w, tf.mul(direction, column(rate)));
      return [nextW, nextM, nextV, nextBest, l2, success, loss];
    },
  );
}

async function advance(
  step: ReturnType<typeof compileStep>,
  active: ActiveSet<State>,
  constants: Float32Array,
  best: readonly number[],
  size: number,
) {
  const { state: s, rows } = active;
  const scalars = [tf.tensor1d(constants), tf.tensor1d([...best]), tf.fill<tf.Rank.R1>([rows.length], size)] as const;
  const [w, m, v, nextBest, ...figures] = step(rows, s.w, s.m, s.v, s.best, s.clean, s.marked, ...scalars);
  active.update({ w, m, v, best: nextBest });
  const [l2, success, loss] = await Promise.all(figures.map((figure) => figure.data()));
  tf.dispose([...scalars, ...figures]);
  return { l2: l2!, success: success!, loss: loss! };
}

/** Adam's step size at iteration k, with the correction for its moments having begun at zero (Kingma and Ba, section 2). */
function stepSize(o: CwOptions, k: number): number {
  const rate = o.learning_rate === 'auto' ? AUTO.learningRate : o.learning_rate;
  return (rate * scheduled(o, k) * Math.sqrt(1 - ADAM.beta2 ** k)) / (1 - ADAM.beta1 ** k);
}

interface Results {
  best: Tensor4D;
  start: Tensor4D;
  last: Tensor4D;
}

function begin(input: AttackInput, { best, start }: Results, marked: Int32Array): State {
  return {
    w: tf.clone(start),
    m: tf.zerosLike(start),
    v: tf.zerosLike(start),
    best: tf.clone(best),
    clean: tf.clone(input.images),
    marked: oneHot(marked, input.model.classes),
  };
}

/** Lets the images go that `stays` refuses, and puts their tensors aside. */
function leave(active: ActiveSet<State>, done: Left[], stays: (image: number) => boolean): void {
  const going = active.rows.flatMap((image, row) => (stays(image) ? [] : [row]));
  if (going.length === 0) return;
  const indices = tf.tensor1d(going, 'int32');
  const { best, w } = active.state;
  done.push({
    rows: going.map((row) => active.rows[row]!),
    best: tf.gather<Tensor4D>(best, indices),
    w: tf.gather<Tensor4D>(w, indices),
  });
  indices.dispose();
  active.keep(active.rows.flatMap((image, row) => (stays(image) ? [row] : [])));
}

/** Joins what a round left, in the images' order, and says where the next one starts. */
function gather(results: Results, done: readonly Left[], warm: boolean, bestL2: Float64Array): void {
  const order = done.flatMap(({ rows }) => rows);
  const place = new Int32Array(order.length);
  order.forEach((image, row) => (place[image] = row));
  const next = tf.tidy(() => {
    const indices = tf.tensor1d(place, 'int32');
    const join = (parts: readonly Tensor4D[]) => tf.gather(tf.concat([...parts], 0), indices);
    const best = join(done.map((left) => left.best));
    const w = join(done.map((left) => left.w));
    const last = toPixels(w);
    if (!warm) return { best, last, start: tf.clone(results.start) };
    const found = foundColumn(bestL2);
    return { best, last, start: tf.add<Tensor4D>(tf.mul(toTanhSpace(best), found), tf.mul(w, tf.sub(1, found))) };
  });
  for (const { best, w } of done) tf.dispose([best, w]);
  tf.dispose([results.best, results.start, results.last]);
  Object.assign(results, next);
}

/** The best image of each, or the last one where none was found. */
function outcome({ best, last }: Results, bestL2: Float64Array): Tensor4D {
  return tf.tidy(() => {
    const found = foundColumn(bestL2);
    return tf.add<Tensor4D>(tf.mul(best, found), tf.mul(last, tf.sub(1, found)));
  });
}

function foundColumn(bestL2: Float64Array): tf.Tensor {
  return column(tf.tensor1d(Array.from(bestL2, (value) => (value < NOT_FOUND ? 1 : 0))));
}

function toTanhSpace(images: Tensor4D): Tensor4D {
  return tf.tidy(() => tf.atanh(tf.clipByValue(tf.sub<Tensor4D>(tf.mul(images, 2), 1), -INSIDE, INSIDE)));
}

function toPixels(w: Tensor4D): Tensor4D {
  return tf.tidy(() => tf.mul<Tensor4D>(tf.add(tf.tanh(w), 1), 0.5));
}
