import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import { Type } from '@sinclair/typebox';
import { defineAttack, type AttackInput } from '@shield/core';
import { ActiveSet } from './active-set.js';
import { ConstantSearch } from './constant-search.js';
import { margin, oneHot } from './losses.js';
import { withGradient } from './with-gradient.js';

const options = Type.Object(
  {
    confidence: Type.Number({
      minimum: 0,
      default: 0,
      description: 'margin of logits by which the model is to be wrong (κ)',
    }),
    learning_rate: Type.Number({
      exclusiveMinimum: 0,
      default: 0.002,
      description: "Adam's step size at first, in tanh space (the paper has 0.01)",
    }),
    schedule: Type.Union([Type.Literal('cosine'), Type.Literal('constant')], {
      default: 'cosine',
      description: 'how the step size goes within a search step: down to 0 along a cosine, or constant as in the paper',
    }),
    max_iterations: Type.Integer({ minimum: 1, default: 30, description: 'gradient steps in each step of the search' }),
    search_steps: Type.Integer({ minimum: 1, default: 3, description: 'steps of the binary search over the constant' }),
    initial_constant: Type.Number({
      exclusiveMinimum: 0,
      default: 0.01,
      description: 'weight of the misclassification term at first (c)',
    }),
    early_stop: Type.Boolean({
      default: true,
      description: 'whether an image leaves a search step when its best distance no longer gets better',
    }),
    patience: Type.Integer({
      minimum: 1,
      default: 10,
      description: 'gradient steps without progress of 1 % after which an image leaves, with early_stop',
    }),
    warm_start: Type.Boolean({
      default: true,
      description: 'whether a search step goes on from the best image so far, instead of from the clean one',
    }),
  },
  { additionalProperties: false },
);

type State = {
  w: Tensor4D;
  m: Tensor4D;
  v: Tensor4D;
  best: Tensor4D;
  clean: Tensor4D;
  marked: Tensor2D;
};

/**
 * A logit margin that float rounding cannot undo: the model is asked again in other batches and graphs when the attack
 * is judged, and logits then differ in the sixth digit.
 */
const SAFETY = 1e-3;

/** Keeps atanh finite; a pixel thereby moves by at most 5e-7. */
const INSIDE = 0.999999;

/** Progress of the best distance that counts as such. */
const PROGRESS = 0.99;

const ADAM = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };

/**
 * Carlini and Wagner's L2 attack (2017, section V.A and VI.A): minimises ‖x' − x‖² + c·f(x') over w with
 * x' = (tanh(w) + 1)/2 by Adam, and searches c for each image by bisection. The smallest misclassified image of all
 * steps is the answer. Value, gradient and Adam's update are one compiled function.
 */
export default defineAttack({
  name: 'cw_l2',
  aliases: ['cwl2'],
  summary: 'Carlini-Wagner L2: the smallest change that is misclassified, by gradient descent and bisection',
  reference: {
    title: 'Carlini, Wagner: Towards Evaluating the Robustness of Neural Networks, IEEE S&P 2017',
    url: 'https://arxiv.org/abs/1608.04644',
  },
  norm: 'l2',
  targeted: true,
  needs: 'gradients',
  random: false,
  options,
  cost: ({ max_iterations, search_steps }) => ({ forwards: 0, gradients: max_iterations * search_steps }),
  run: async (input, o) => {
    const { images, labels, targets } = input;
    const n = labels.length;
    const step = compileStep(input, o);
    const search = new ConstantSearch(n, o.initial_constant);
    const bestL2 = new Float64Array(n).fill(Infinity);
    const iterations = new Int32Array(n);
    const results = { best: tf.clone(images), start: toTanhSpace(images) };
    try {
      for (let round = 0; round < o.search_steps; round++) {
        const rows = Array.from({ length: n }, (_, i) => i);
        const active = new ActiveSet<State>(rows, begin(input, results, targets ?? labels));
        const found = new Uint8Array(n);
        const bestThisRound = new Float64Array(n).fill(Infinity);
        const lastProgress = new Int32Array(n);
        const lowestLoss = new Float64Array(n).fill(Infinity);
        const finals: { rows: readonly number[]; best: Tensor4D; w: Tensor4D }[] = [];
        for (let k = 1; k <= o.max_iterations && active.size > 0; k++) {
          const at = active.rows;
          const outputs = await advance(
            step,
            active,
            search.constants(at),
            at.map((i) => bestL2[i]!),
            stepSize(o, k),
          );
          at.forEach((i, row) => {
            iterations[i]!++;
            const { l2, success, loss } = outputs;
            if (success[row]! > 0) {
              found[i] = 1;
              bestL2[i] = Math.min(bestL2[i]!, l2[row]!);
              if (l2[row]! < bestThisRound[i]! * PROGRESS) {
                bestThisRound[i] = l2[row]!;
                lastProgress[i] = k;
              }
            } else if (!found[i] && loss[row]! < lowestLoss[i]! * PROGRESS) {
              lowestLoss[i] = loss[row]!;
              lastProgress[i] = k;
            }
          });
          if (o.early_stop && k % 5 === 0) leave(active, finals, (i) => k - lastProgress[i]! < o.patience);
          await input.checkpoint({ done: round * o.max_iterations + k, of: o.search_steps * o.max_iterations });
        }
        leave(active, finals, () => false);
        active.dispose();
        gather(results, finals, o.warm_start, bestL2);
        for (let i = 0; i < n; i++) search.tried(i, found[i] === 1);
      }
      return { images: tf.clone(results.best), iterations };
    } finally {
      results.best.dispose();
      results.start.dispose();
    }
  },
});

type Step = ReturnType<typeof compileStep>;

/** One iteration: the loss at w, its gradient, the best image so far, and w after Adam's step. */
function compileStep({ model, targets }: AttackInput, o: { confidence: number }) {
  const toTarget = targets !== undefined;
  const column = (values: Tensor) => tf.reshape(values, [-1, 1, 1, 1]);
  return model.compile<
    [Tensor4D, Tensor4D, Tensor4D, Tensor4D, Tensor4D, Tensor2D, Tensor1D, Tensor1D, Tensor1D],
    [Tensor4D, Tensor4D, Tensor4D, Tensor4D, Tensor1D, Tensor1D, Tensor1D]
  >(
    toTarget ? 'targeted step' : 'step',
    { forwards: 0, gradients: 1 },
    (w, m, v, best, clean, marked, constant, bestL2, rate) => {
      const { gradient, results } = withGradient(w, (w) => {
        const adversarial = tf.mul(tf.add(tf.tanh(w), 1), 0.5) as Tensor4D;
        const squares = tf.sum<Tensor1D>(tf.square(tf.sub(adversarial, clean)), [1, 2, 3]);
        const gap = margin(model.logits(adversarial), marked);
        // How far the model is from being wrong by `confidence`: positive while it is not.
        const right = toTarget ? (tf.neg(gap) as Tensor1D) : gap;
        const loss = tf.add(squares, tf.mul(constant, tf.relu(tf.add(right, o.confidence + SAFETY)))) as Tensor1D;
        return { objective: tf.sum(loss), results: { squares, right, adversarial, loss } };
      });
      const { adversarial, loss } = results;
      const l2 = tf.sqrt(results.squares);
      const wrong = tf.neg(results.right);
      const success = tf.cast(tf.greaterEqual(wrong, o.confidence + SAFETY / 2), 'float32') as Tensor1D;
      const better = column(tf.mul(success, tf.cast(tf.less(l2, bestL2), 'float32')));
      const nextBest = tf.add(tf.mul(adversarial, better), tf.mul(best, tf.sub(1, better))) as Tensor4D;
      const nextM = tf.add(tf.mul(m, ADAM.beta1), tf.mul(gradient, 1 - ADAM.beta1)) as Tensor4D;
      const nextV = tf.add(tf.mul(v, ADAM.beta2), tf.mul(tf.square(gradient), 1 - ADAM.beta2)) as Tensor4D;
      const nextW = tf.sub(w, tf.mul(tf.div(nextM, tf.add(tf.sqrt(nextV), ADAM.epsilon)), column(rate))) as Tensor4D;
      return [nextW, nextM, nextV, nextBest, l2, success, loss];
    },
  );
}

async function advance(
  step: Step,
  active: ActiveSet<State>,
  constants: Float32Array,
  best: readonly number[],
  size: number,
) {
  const { state, rows } = active;
  // Infinity × 0 is NaN: "nothing found yet" is a distance larger than any.
  const bestL2 = tf.tensor1d(best.map((value) => Math.min(value, 1e9)));
  const constant = tf.tensor1d(constants);
  const rate = tf.fill([rows.length], size);
  const [w, m, v, nextBest, l2, success, loss] = step(
    rows,
    state.w,
    state.m,
    state.v,
    state.best,
    state.clean,
    state.marked,
    constant,
    bestL2,
    rate as Tensor1D,
  );
  active.update({ w, m, v, best: nextBest });
  const [l2Values, successValues, lossValues] = await Promise.all([l2.data(), success.data(), loss.data()]);
  tf.dispose([bestL2, constant, rate, l2, success, loss]);
  return { l2: l2Values, success: successValues, loss: lossValues };
}

/** Adam's step size at iteration k, with the correction for its moments having begun at zero (Kingma and Ba, section 2). */
function stepSize(
  o: { learning_rate: number; max_iterations: number; schedule: 'cosine' | 'constant' },
  k: number,
): number {
  const share = o.schedule === 'constant' ? 1 : (1 + Math.cos((Math.PI * (k - 1)) / o.max_iterations)) / 2;
  return (o.learning_rate * share * Math.sqrt(1 - ADAM.beta2 ** k)) / (1 - ADAM.beta1 ** k);
}

function begin(input: AttackInput, { best, start }: { best: Tensor4D; start: Tensor4D }, marked: Int32Array): State {
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
function leave(
  active: ActiveSet<State>,
  finals: { rows: readonly number[]; best: Tensor4D; w: Tensor4D }[],
  stays: (image: number) => boolean,
): void {
  const going = active.rows.flatMap((image, row) => (stays(image) ? [] : [row]));
  if (going.length === 0) return;
  const indices = tf.tensor1d(going, 'int32');
  const { best, w } = active.state;
  finals.push({
    rows: going.map((row) => active.rows[row]!),
    best: tf.gather(best, indices),
    w: tf.gather(w, indices),
  });
  indices.dispose();
  active.keep(active.rows.flatMap((image, row) => (stays(image) ? [row] : [])));
}

/** Joins what a round left, in the images' order, and says where the next one starts. */
function gather(
  results: { best: Tensor4D; start: Tensor4D },
  finals: readonly { rows: readonly number[]; best: Tensor4D; w: Tensor4D }[],
  warm: boolean,
  bestL2: Float64Array,
): void {
  const order = finals.flatMap(({ rows }) => rows);
  const place = new Int32Array(order.length);
  order.forEach((image, row) => (place[image] = row));
  const next = tf.tidy(() => {
    const best = tf.gather(
      tf.concat(
        finals.map((final) => final.best),
        0,
      ),
      tf.tensor1d(place, 'int32'),
    ) as Tensor4D;
    if (!warm) return { best, start: tf.clone(results.start) };
    const w = tf.gather(
      tf.concat(
        finals.map((final) => final.w),
        0,
      ),
      tf.tensor1d(place, 'int32'),
    );
    const found = tf.reshape(tf.tensor1d(Array.from(bestL2, (value) => (value < Infinity ? 1 : 0))), [-1, 1, 1, 1]);
    const start = tf.add(tf.mul(toTanhSpace(best), found), tf.mul(w, tf.sub(1, found))) as Tensor4D;
    return { best, start };
  });
  for (const { best, w } of finals) tf.dispose([best, w]);
  tf.dispose([results.best, results.start]);
  Object.assign(results, next);
}

function toTanhSpace(images: Tensor4D): Tensor4D {
  return tf.tidy(() => tf.atanh(tf.clipByValue(tf.sub(tf.mul(images, 2), 1), -INSIDE, INSIDE)) as Tensor4D);
}
