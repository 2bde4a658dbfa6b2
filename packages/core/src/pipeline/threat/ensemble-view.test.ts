import { Type } from '@sinclair/typebox';
import * as tf from '@tensorflow/tfjs-core';
import type { Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { openBackend } from '../../backend/open-backend.js';
import type { Model } from '../../plugin/contracts.js';
import { defineDefense, type DefensePlugin } from '../../plugin/define.js';
import { Random } from '../../random/random.js';
import { drawnPixels, tinyModel } from '../../testing/tiny-model.js';
import { DefendedView } from './defended-view.js';
import { EnsembleView } from './ensemble-view.js';
import { resizeLayer } from './resize-layer.js';

const backend = await openBackend('cpu', { log: () => undefined, warn: () => undefined });
const SIZE = { height: 8, width: 8 };
const preprocess = { resize: 'stretch', interpolation: 'bilinear', crop: 1, idct: 'islow' } as const;
const setting = { spec: { handover: 'round', seed: 5 } as const, preprocess };
const pixels = drawnPixels(2, SIZE);

/** Contrast and brightness changed; its gradient is the contrast. */
const contrast = (name: string, by: number) =>
  defineDefense({
    name,
    summary: 'other contrast',
    takes: 'floats',
    random: false,
    gradient: (images) => tf.add<Tensor4D>(tf.mul(images, by), 0.1),
    options: Type.Object({}),
    apply: ({ data, height, width }) => ({ data: Float32Array.from(data, (v) => 0.1 + by * v), height, width }),
  });
const half = contrast('half', 0.5);
const strong = contrast('strong', 0.8);

/** Squares: the gradient depends on where it is taken. */
const square = defineDefense({
  name: 'square',
  summary: 'squares',
  takes: 'floats',
  random: false,
  gradient: (images) => tf.square(images),
  options: Type.Object({}),
  apply: ({ data, height, width }) => ({ data: Float32Array.from(data, (v) => v * v), height, width }),
});

const shift = defineDefense({
  name: 'shift',
  summary: 'a drawn shift',
  takes: 'floats',
  random: true,
  gradient: 'straight-through',
  options: Type.Object({}),
  apply: ({ data, height, width }, _options, random) => {
    const by = 0.2 * random.uniform();
    return { data: Float32Array.from(data, (value) => 0.8 * value + by), height, width };
  },
});

function viewOf(model: Model, steps: readonly DefensePlugin[], more: { eot?: number; member?: number } = {}) {
  const defense = { name: 'chain', steps: steps.map((plugin) => ({ name: plugin.name, plugin, options: {} })) };
  const { eot = 1, member = 0 } = more;
  const common = { backend, capture: false, gradient: 'own', setting, inputSize: SIZE } as const;
  return new DefendedView({ ...common, model, defense, eot, member });
}

const WEIGHTS = [1, -2, 3, 0.5, -1];
function look(view: DefendedView | EnsembleView) {
  view.begin(['a', 'b']);
  view.onRows([0, 1]);
  return tf.tidy(() => {
    const x = tf.tensor4d(pixels, [2, 8, 8, 3]);
    let logits: number[][] = [];
    const gradient = tf.grad((images) => {
      const value = view.logits(images as Tensor4D);
      logits = value.arraySync();
      return tf.sum(tf.mul(value, tf.tensor1d(WEIGHTS.slice(0, view.classes))));
    })(x);
    return { logits, gradient: Array.from(gradient.dataSync()) };
  });
}

/** The same for a function of tensors. */
function direct(logits: (images: Tensor4D) => Tensor2D) {
  return tf.tidy(() => {
    const x = tf.tensor4d(pixels, [2, 8, 8, 3]);
    const classes = logits(x).shape[1];
    const weights = tf.tensor1d(WEIGHTS.slice(0, classes));
    return {
      logits: logits(x).arraySync(),
      gradient: Array.from(
        tf
          .grad((images) => tf.sum(tf.mul(logits(images as Tensor4D), weights)))(x)
          .dataSync(),
      ),
    };
  });
}

function near(got: { logits: number[][]; gradient: number[] }, expected: typeof got) {
  expected.logits.flat().forEach((value, k) => expect(got.logits.flat()[k]).toBeCloseTo(value, 4));
  expected.gradient.forEach((value, k) => expect(got.gradient[k]).toBeCloseTo(value, 4));
}

const [one, two] = [tinyModel({ seed: 1 }), tinyModel({ seed: 2 })];
const through = (by: number) => (x: tf.Tensor) => tf.add<Tensor4D>(tf.mul(x, by), 0.1);

describe('a chain', () => {
  it('goes forward through all its defenses in order, and back from what each was given', () => {
    near(
      look(viewOf(one, [half, square, strong])),
      direct((x) => one.logits(through(0.8)(tf.square(through(0.5)(x))))),
    );
    near(
      look(viewOf(one, [square, half])),
      direct((x) => one.logits(through(0.5)(tf.square(x)))),
    );
  });

  it('each step draws from its own stream, the first as the plugin alone does', () => {
    const uniform = (id: string, ...place: number[]) =>
      0.2 * new Random(5, 'adaptive', 'shift', id, 0, ...place).uniform();
    const shifts = (id: string) => [uniform(id), uniform(id, 1)] as const;
    const moved = tf.tidy(() => {
      const rows = ['a', 'b'].map((id, i) => {
        const [first, second] = shifts(id);
        return pixels.slice(192 * i, 192 * (i + 1)).map((v) => 0.8 * (0.8 * v + first) + second);
      });
      const x = tf.tensor4d(Float32Array.from(rows.flatMap((row) => [...row])), [2, 8, 8, 3]);
      return one.logits(x).arraySync();
    });
    const { logits } = look(viewOf(one, [shift, shift]));
    moved.flat().forEach((value, k) => expect(logits.flat()[k]).toBeCloseTo(value, 4));
  });

  it('of nothing is the model; one that takes another size has a resize before it, forward and back', () => {
    near(
      look(viewOf(one, [])),
      direct((x) => one.logits(x)),
    );
    const larger = tinyModel({ size: 16 });
    const enlarge = resizeLayer(SIZE, larger.inputSize, 'bilinear');
    const resized = direct((x) => larger.logits(enlarge(x)));
    near(look(viewOf(larger, [])), resized);
    const squared = direct((x) => larger.logits(enlarge(tf.square(x))));
    near(look(viewOf(larger, [square])), squared);
  });
});

describe('an ensemble', () => {
  const members = () => [viewOf(one, [half]), viewOf(two, [square], { member: 1 })];
  const logs = (x: Tensor4D) => [tf.logSoftmax(one.logits(through(0.5)(x))), tf.logSoftmax(two.logits(tf.square(x)))];

  it.each(['majority', 'random'] as const)('%s: the mean of the log-probabilities', (vote) =>
    near(
      look(new EnsembleView(vote, members())),
      direct((x) => tf.div<Tensor2D>(tf.addN(logs(x)), 2)),
    ),
  );

  it('mean: the logarithm of the mean probability', () =>
    near(
      look(new EnsembleView('mean', members())),
      direct((x) => tf.log(tf.div<Tensor2D>(tf.addN(logs(x).map((log) => tf.exp(log))), 2))),
    ));

  it('a background class of a member is left out', () => {
    const background: Model = {
      ...two,
      classes: 6,
      labelOffset: 1,
      logits: (x) => tf.tidy(() => tf.concat([tf.fill<tf.Rank.R2>([x.shape[0], 1], -50), two.logits(x)], 1)),
    };
    near(
      look(new EnsembleView('mean', [viewOf(background, []), viewOf(one, [])])),
      look(new EnsembleView('mean', [viewOf(two, []), viewOf(one, [])])),
    );
  });

  it('costs what all its members cost; their draws are their own', () => {
    const view = new EnsembleView('majority', [
      viewOf(one, [shift], { eot: 3 }),
      viewOf(one, [shift], { eot: 3, member: 1 }),
      viewOf(two, []),
    ]);
    expect(view.costOf({ forwards: 1, gradients: 2 })).toEqual({ forwards: 21, gradients: 14 });
    const said = (member: number) => look(viewOf(one, [shift], { member })).logits;
    expect(said(0)).not.toEqual(said(1));
  });

  it('leaves no tensors behind', () => {
    const view = new EnsembleView('mean', members());
    look(view);
    const before = tf.memory().numTensors;
    look(view);
    expect(tf.memory().numTensors).toBe(before);
  });
});
