import * as tf from '@tensorflow/tfjs-core';
import type { Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import { Type, type Static } from '@sinclair/typebox';
import { defineAttack, type AttackInput, type AttackOutput } from '@shield/core';
import { ActiveSet } from './active-set.js';
import { ConstantSearch } from './constant-search.js';
import { NOT_FOUND, SAFETY, distanceFromWrong, successOf } from './cw-l2-objective.js';
import { DoneImages } from './done-images.js';
import { oneHot } from './losses.js';
import { column, lengths } from './lp-balls.js';
import { withGradient } from './with-gradient.js';

const options = Type.Object(
  {
    confidence: Type.Number({
      minimum: 0,
      default: 0,
      description: 'margin of logits by which the model is to be wrong (κ)',
    }),
    regularization: Type.Number({
      minimum: 0,
      default: 0.01,
      description: 'weight of the L1 norm (β): a step of a pixel, of 1, that is shorter than this is not made',
    }),
    rule: Type.Union([Type.Literal('en'), Type.Literal('l1')], {
      default: 'en',
      description: 'what the smallest change is: by β·L1 + L2² (en), or by L1 alone (l1)',
    }),
    max_iterations: Type.Integer({
      minimum: 1,
      default: 100,
      description: 'gradient steps, in each step of the search (the paper: 1000)',
    }),
    search_steps: Type.Integer({ minimum: 1, default: 9, description: 'steps of the binary search over the constant' }),
    initial_constant: Type.Number({
      exclusiveMinimum: 0,
      default: 0.001,
      description: 'weight of the misclassification term at first (c)',
    }),
    learning_rate: Type.Number({
      exclusiveMinimum: 0,
      default: 0.01,
      description: 'step size at first, down to 0 by a square root',
    }),
    early_stop: Type.Boolean({
      default: true,
      description: 'whether an image leaves a step of the search when its loss no longer gets better, asked ten times',
    }),
  },
  { additionalProperties: false },
);

type Options = Static<typeof options>;
type State = { x: Tensor4D; y: Tensor4D; best: Tensor4D; clean: Tensor4D; marked: Tensor2D };

/** Share of the loss that must have gone, when asked, for an image to stay. */
const PROGRESS = 1e-4;

/**
 * EAD, the elastic-net attack (Chen et al. 2018, algorithm 1): minimises c·f(x') + β·‖x' − x‖₁ + ‖x' − x‖² by FISTA, with
 * a binary search over the c of each image. Pixels whose change would not be worth its L1 norm stay as they are, so the
 * change is sparse.
 */
export default defineAttack({
  name: 'ead',
  summary: 'elastic-net attack: Carlini-Wagner with an L1 norm beside the L2 norm, which makes the change sparse',
  reference: {
    title: 'Chen et al.: EAD: Elastic-Net Attacks to Deep Neural Networks via Adversarial Examples, AAAI 2018',
    url: 'https://arxiv.org/abs/1709.04114',
  },
  norm: 'l1',
  targeted: true,
  needs: 'gradients',
  random: false,
  options,
  cost: ({ max_iterations, search_steps }) => ({
    forwards: max_iterations * search_steps,
    gradients: max_iterations * search_steps,
  }),
  run,
});

async function run(input: AttackInput, o: Options): Promise<AttackOutput> {
  const { images, labels, targets, model } = input;
  const n = labels.length;
  const rows = Array.from(labels.keys());
  const step = compileStep(input, o);
  const search = new ConstantSearch(n, o.initial_constant);
  const least = new Float64Array(n).fill(NOT_FOUND);
  const iterations = new Int32Array(n);
  const of = o.search_steps * o.max_iterations;
  const every = Math.ceil(o.max_iterations / 10);
  let best = tf.clone(images);
  try {
    for (let round = 0; round < o.search_steps; round++) {
      const found = new Uint8Array(n);
      const lossBefore = new Float64Array(n).fill(Infinity);
      const done = new DoneImages();
      const active = new ActiveSet<State>(rows, {
        x: tf.clone(images),
        y: tf.clone(images),
        best: tf.clone(best),
        clean: tf.clone(images),
        marked: oneHot(targets ?? labels, model.classes),
      });
      try {
        for (let k = 0; k < o.max_iterations && active.size > 0; k++) {
          const { size, success, loss } = await advance(step, active, search, least, k, o);
          active.rows.forEach((image, row) => {
            iterations[image]!++;
            if (success[row]! === 0) return;
            found[image] = 1;
            least[image] = Math.min(least[image]!, size[row]!);
          });
          if (o.early_stop && k % every === 0) {
            const idle = active.rows.map((image, row) => {
              const before = lossBefore[image]!;
              lossBefore[image] = loss[row]!;
              return !(loss[row]! <= (1 - PROGRESS) * before);
            });
            leave(active, done, (row) => idle[row]!);
          }
          await input.checkpoint({ done: round * o.max_iterations + k + 1, of });
        }
        leave(active, done, () => true);
        best.dispose();
        best = done.inOrder(rows);
      } finally {
        active.dispose();
        done.dispose();
      }
      rows.forEach((image) => search.tried(image, found[image] === 1));
    }
    return { images: tf.clone(best), iterations };
  } finally {
    best.dispose();
  }
}

/** One step of FISTA (section "EAD algorithm"), and the best image so far. */
function compileStep({ model, targets }: AttackInput, { confidence, regularization, rule }: Options) {
  const toTarget = targets !== undefined;
  return model.compile<
    [Tensor4D, Tensor4D, Tensor4D, Tensor4D, Tensor2D, Tensor1D, Tensor1D, Tensor1D, Tensor1D],
    [Tensor4D, Tensor4D, Tensor4D, Tensor1D, Tensor1D, Tensor1D]
  >(
    toTarget ? 'targeted step' : 'step',
    { forwards: 1, gradients: 1 },
    (x, y, best, clean, marked, constant, least, rate, momentum) => {
      const { gradient, results } = withGradient(y, (y) => {
        const right = distanceFromWrong(model.logits(y), marked, toTarget);
        const squares = tf.sum<Tensor1D>(tf.square(tf.sub(y, clean)), [1, 2, 3]);
        const loss = tf.add<Tensor1D>(squares, tf.mul(constant, tf.relu(tf.add(right, confidence + SAFETY))));
        return { objective: tf.sum(loss), results: { loss } };
      });
      const moved = tf.sub<Tensor4D>(y, tf.mul(gradient, column(rate)));
      const nextX = shrink(moved, clean, regularization);
      const nextY = tf.add<Tensor4D>(nextX, tf.mul(tf.sub(nextX, x), column(momentum)));
      const change = tf.sub<Tensor4D>(nextX, clean);
      const l1 = lengths(change, 'l1');
      const size =
        rule === 'l1' ? l1 : tf.add<Tensor1D>(tf.mul(l1, regularization), tf.sum(tf.square(change), [1, 2, 3]));
      const success = successOf(distanceFromWrong(model.logits(nextX), marked, toTarget), confidence);
      const better = tf.logicalAnd(tf.cast(success, 'bool'), tf.less(size, least));
      // Where the model never is wrong the last image stands.
      const keeps = tf.logicalOr(better, tf.greaterEqual(least, NOT_FOUND));
      return [nextX, nextY, tf.where(column(keeps), nextX, best), size, success, results.loss];
    },
  );
}

/** The shrinkage and projection of equation 5: a change loses β, one below β is undone, and pixels stay in [0, 1]. */
function shrink(moved: Tensor4D, clean: Tensor4D, beta: number): Tensor4D {
  const change = tf.sub<Tensor4D>(moved, clean);
  const shrunk = tf.mul<Tensor4D>(tf.sign(change), tf.relu(tf.sub(tf.abs(change), beta)));
  return tf.clipByValue(tf.add<Tensor4D>(clean, shrunk), 0, 1);
}

async function advance(
  step: ReturnType<typeof compileStep>,
  active: ActiveSet<State>,
  search: ConstantSearch,
  least: Float64Array,
  k: number,
  { learning_rate, max_iterations }: Options,
) {
  const { state: s, rows } = active;
  const all = (value: number) => tf.fill<tf.Rank.R1>([rows.length], value);
  const scalars = [
    tf.tensor1d(search.constants(rows)),
    tf.tensor1d(rows.map((image) => least[image]!)),
    all(learning_rate * Math.sqrt(1 - k / max_iterations)),
    all(k / (k + 3)),
  ] as const;
  const [x, y, best, ...figures] = step(rows, s.x, s.y, s.best, s.clean, s.marked, ...scalars);
  active.update({ x, y, best });
  const [size, success, loss] = await Promise.all(figures.map((figure) => figure.data()));
  tf.dispose([...scalars, ...figures]);
  return { size: size!, success: success!, loss: loss! };
}

/** Lets the rows go that are `going`, with their best images. */
function leave(active: ActiveSet<State>, done: DoneImages, going: (row: number) => boolean): void {
  const rows = Array.from(active.rows.keys());
  const gone = rows.filter(going);
  if (gone.length === 0) return;
  const best = tf.tidy(() => tf.gather(active.state.best, tf.tensor1d(gone, 'int32')));
  done.add(
    gone.map((row) => active.rows[row]!),
    best,
  );
  active.keep(rows.filter((row) => !going(row)));
}
