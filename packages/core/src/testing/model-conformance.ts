import assert from 'node:assert/strict';
import * as tf from '@tensorflow/tfjs-core';
import type { BackendName } from '../backend/index.js';
import { openBackend } from '../backend/open-backend.js';
import type { Model } from '../plugin/contracts.js';
import type { ModelPlugin } from '../plugin/define.js';
import { Random } from '../random/random.js';
import { describedCases, type ConformanceCase, type OptionValues } from './conformance-case.js';
import { drawnPixels } from './tiny-model.js';

export interface ModelConformanceOptions {
  /** Loads the model as a run would, with whatever weights the test has. Called anew for each case. */
  readonly load: () => Promise<Model>;
  /** Options that have no default. */
  readonly options?: OptionValues;
  /** Default `cpu`. On the native one the captured graph is compared with single ops. */
  readonly backend?: Exclude<BackendName, 'auto'>;
  /** false: it has none, and says so with MODEL_NO_GRADIENT; default true. */
  readonly gradients?: boolean;
  /** How far the slope along a direction may be from the gradient's, as a share; default 0.05. */
  readonly slope?: number;
}

/** Images in a batch. */
const IMAGES = 3;
/** Steps of the finite differences: networks have kinks, which a shorter step meets less often, and float32 has noise. */
const STEPS = [0.3, 0.1, 0.03, 0.01, 0.003, 0.001, 3e-4, 1e-4];

/** What every model must hold to, as cases for any test runner; use it as {@link attackConformance}. */
export function modelConformance(plugin: ModelPlugin, settings: ModelConformanceOptions): ConformanceCase[] {
  const { load, options = {}, backend: name = 'cpu', gradients = true, slope = 0.05 } = settings;
  /** `use` is given the model and images [n, h, w, 3] in [0, 1]; what it leaves behind is no concern of its own. */
  const withModel = async (use: (model: Model, images: tf.Tensor4D) => void | Promise<void>) => {
    await openBackend(name, { threads: 1, log: () => undefined, warn: () => undefined });
    const model = await load();
    const { height, width } = model.inputSize;
    const images = tf.tensor4d(drawnPixels(IMAGES, model.inputSize), [IMAGES, height, width, 3]);
    try {
      await use(model, images);
    } finally {
      images.dispose();
      model.dispose();
    }
  };
  const withGradients: ConformanceCase[] = [
    {
      name: 'has the gradient that its logits have: by finite differences along it and along a drawn direction',
      run: () =>
        withModel((model, images) => {
          const weights = tf.tensor2d(drawn(model.classes, 'logits'), [model.classes, 1]);
          // Within the range by a step, so that both ends of a difference are images.
          const x = tf.tidy(() => tf.add<tf.Tensor4D>(tf.mul(tf.slice(images, 0, 1), 0.8), 0.1));
          const value = (at: tf.Tensor) => tf.sum(tf.matMul(model.logits(at as tf.Tensor4D), weights));
          const gradient = tf.tidy(() => tf.grad(value)(x));
          assert.deepEqual(gradient.shape, x.shape);
          const values = gradient.dataSync();
          assert.ok(values.every(Number.isFinite) && values.some((each) => each !== 0), 'no usable gradient');
          const directions = { 'the gradient': values, 'a drawn direction': drawn(x.size, 'direction') };
          for (const [what, direction] of Object.entries(directions)) {
            const unit = tf.tidy(() => {
              const all = tf.tensor(direction, x.shape);
              return tf.div(all, tf.norm(all));
            });
            const expected = tf.tidy(() => tf.sum(tf.mul(gradient, unit)).dataSync()[0]!);
            const found = STEPS.map((step) =>
              tf.tidy(() => {
                const at = (way: number) => value(tf.add(x, tf.mul(unit, way * step))).dataSync()[0]!;
                return (at(1) - at(-1)) / (2 * step);
              }),
            );
            // Along a direction of chance the slope is a small part of the gradient, and is measured as such.
            const scale = Math.max(Math.abs(expected), 0.02 * tf.tidy(() => tf.norm(gradient).dataSync()[0]!));
            const off = Math.min(...found.map((each) => Math.abs(each - expected) / scale));
            assert.ok(off <= slope, `along ${what} the slope is ${found.join(', ')}, by the gradient ${expected}`);
            unit.dispose();
          }
          tf.dispose([weights, x, gradient]);
        }),
    },
    {
      name: 'gives as a graph what it gives op by op, forward and back',
      run: async () => {
        const backend = await openBackend(name, { threads: 1, log: () => undefined, warn: () => undefined });
        await withModel((model, images) => {
          if (model.outside) return; // nothing that asks it is made a graph
          const both = (x: tf.Tensor4D): [tf.Tensor, tf.Tensor] => {
            const { value, grad } = tf.valueAndGrad((at) => tf.sum(tf.square(model.logits(at as tf.Tensor4D))))(x);
            value.dispose();
            return [model.logits(x), grad];
          };
          const captured = backend.capture(both);
          const [eager, graph] = [both, captured].map((run) =>
            tf.tidy(() => run(images).map((each) => each.dataSync().slice())),
          );
          close(graph![0]!, eager![0]!, 1e-3, 'the logits');
          close(graph![1]!, eager![1]!, 1e-2, 'the gradient');
          captured.dispose();
        });
      },
    },
  ];
  const withoutGradients: ConformanceCase[] = [
    {
      name: 'refuses to give a gradient, with the reason',
      run: () =>
        withModel((model, images) => {
          const gradient = () => tf.tidy(() => tf.grad((x) => tf.sum(model.logits(x as tf.Tensor4D)))(images));
          assert.throws(gradient, { code: 'MODEL_NO_GRADIENT' });
        }),
    },
  ];
  return [
    ...describedCases(plugin, options),
    {
      name: 'says its size, its classes and what its weights are',
      run: () =>
        withModel(({ inputSize, classes, labelOffset, weightsDigest }) => {
          for (const number of [inputSize.height, inputSize.width, classes])
            assert.ok(Number.isInteger(number) && number > 0, `${number} is no size`);
          assert.ok(
            labelOffset >= 0 && labelOffset < classes,
            `a label offset of ${labelOffset} of ${classes} classes`,
          );
          assert.match(weightsDigest, /^\S{8,}$/, 'artifacts are named by the digest of the weights');
        }),
    },
    {
      name: 'gives finite logits [n, classes] for any number of images, and leaves its input alone',
      run: () =>
        withModel((model, images) => {
          const before = images.dataSync().slice();
          for (const n of [1, IMAGES]) {
            const logits = tf.tidy(() => model.logits(tf.slice(images, 0, n)));
            assert.deepEqual(logits.shape, [n, model.classes]);
            assert.ok(logits.dataSync().every(Number.isFinite), 'a logit is no number');
            logits.dispose();
          }
          for (const [level, colour] of ['black', 'white'].entries()) {
            const ends = tf.tidy(() => model.logits(tf.fill(images.shape, level)).dataSync());
            assert.ok(ends.every(Number.isFinite), `a ${colour} image has no answer`);
          }
          assert.deepEqual(images.dataSync(), before, 'the images that it was given were changed');
        }),
    },
    {
      name: 'judges each image by itself, whatever stands beside it, and the same again',
      run: () =>
        withModel((model, images) => {
          const whole = tf.tidy(() => model.logits(images).dataSync());
          for (let i = 0; i < IMAGES; i++) {
            const alone = tf.tidy(() => model.logits(tf.slice(images, i, 1)).dataSync());
            close(alone, whole.subarray(i * model.classes, (i + 1) * model.classes), 1e-3, `image ${i} alone`);
          }
          close(tf.tidy(() => model.logits(tf.reverse(images, 0)).dataSync()).slice(-model.classes), whole.subarray(0, model.classes), 1e-3, 'the first image as the last'); // prettier-ignore
          const rows = [0, 1].map((i) => whole.subarray(i * model.classes, (i + 1) * model.classes).join());
          assert.notEqual(rows[0], rows[1], 'two images have the same logits to the last digit');
        }),
    },
    ...(gradients ? withGradients : withoutGradients),
    {
      name: 'leaves no tensors behind, and frees its own',
      run: async () => {
        await openBackend(name, { threads: 1, log: () => undefined, warn: () => undefined });
        const before = tf.memory().numTensors;
        await withModel((model, images) => {
          const loaded = tf.memory().numTensors;
          model.logits(images).dispose();
          assert.equal(tf.memory().numTensors, loaded, 'a pass leaves tensors');
          if (gradients) tf.grad((x) => tf.sum(model.logits(x as tf.Tensor4D)))(images).dispose();
          assert.equal(tf.memory().numTensors, loaded, 'a gradient leaves tensors');
        });
        assert.equal(tf.memory().numTensors, before, 'dispose() leaves tensors');
      },
    },
  ];
}

function drawn(length: number, what: string): Float32Array {
  const random = new Random('model conformance', what);
  return Float32Array.from({ length }, () => random.normal());
}

/** Equal but for `share` of how far the values are spread. */
function close(found: ArrayLike<number>, expected: ArrayLike<number>, share: number, what: string): void {
  assert.equal(found.length, expected.length);
  const values = Array.from(expected);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const spread = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
  const off = values.reduce((most, value, i) => Math.max(most, Math.abs(value - found[i]!)), 0);
  assert.ok(off <= share * spread + 1e-7, `${what}: off by ${off}, of a spread of ${spread}`);
}
