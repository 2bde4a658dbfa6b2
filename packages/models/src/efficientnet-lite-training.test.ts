import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import {
  assignWeights,
  createStepper,
  openBackend,
  toFloat32,
  weightsOf,
  type Backend,
  type Model,
  type TrainingPass,
} from '@shield/core';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { efficientNetLite } from './efficientnet-lite.js';
import lite0 from './efficientnet-lite0.js';
import { image } from './testing/like-pytorch.js';
import { testContext } from './testing/load-context.js';
import { madeUpLite } from './testing/made-up-lite.js';

interface Seen {
  readonly norm: number;
  readonly values: readonly number[];
}
/** Recorded by bench/record/efficientnet_lite.py --training. */
const recorded = JSON.parse(
  readFileSync(new URL('../fixtures/efficientnet-lite-training.json', import.meta.url), 'utf8'),
) as { n: number; size: number; loss: number; gradients: Record<string, Seen>; averages: Record<string, Seen> };

const VARIANT = { width: 1, depth: 1, weightsDigest: '', path: '' };
const quiet = { log: () => undefined, warn: () => undefined };
/** Vaccination's, but for batch norms, whose statistics are sums as well. */
const STEPS = {
  optimizer: 'sgd',
  momentum: 0.9,
  weight_decay: 0,
  label_smoothing: 0,
  layers: 'all',
  statistics: 'batch',
  statistics_momentum: 0.9,
} as Parameters<typeof createStepper>[2];
const pass = (momentum?: number): TrainingPass => ({
  batchStatistics: momentum === undefined ? undefined : { momentum },
  dropout: (x) => x,
});

describe('the trainable EfficientNet-Lite0', () => {
  const models: Model[] = [];
  const made = (size: number, training?: { dropout: number }): Model => {
    const weights = madeUpLite(VARIANT, 10);
    const model = efficientNetLite({ ...VARIANT, size, weights, ...(training ? { training } : {}) });
    models.push(model);
    return model;
  };
  let backend: Backend;
  beforeAll(async () => {
    backend = await openBackend('node', { ...quiet, allowSetup: false }).catch(() => openBackend('wasm', quiet));
  });
  afterEach(() => models.splice(0).forEach((model) => model.dispose()));

  it('has the loss, the gradients of every kind of weight, and the averages of PyTorch in training mode', async () => {
    const { n, size, gradients, averages } = recorded;
    const model = made(size, { dropout: 0.2 });
    const { variables, logits } = model.training!;
    const images = image(n, size);
    const labels = tf.oneHot(tf.range(0, n, 1, 'int32'), 10);
    const { value, grads } = tf.variableGrads(
      () => tf.neg<tf.Scalar>(tf.mean<tf.Scalar>(tf.sum(tf.mul(tf.logSoftmax(logits(images, pass(0.9))), labels), 1))),
      Object.values(variables).filter(({ trainable }) => trainable),
    );
    expect(value.dataSync()[0]).toBeCloseTo(recorded.loss, 3);
    expect(Object.keys(grads)).toHaveLength(Object.values(variables).filter(({ trainable }) => trainable).length);
    for (const [name, expected] of Object.entries(gradients)) {
      const gradient = grads[variables[name]!.name]!;
      const axes = model.training!.savedAxes?.[name];
      expectSeen(axes ? tf.transpose(gradient, [...axes]) : gradient, expected, 0.02);
    }
    for (const [name, expected] of Object.entries(averages)) expectSeen(variables[name]!, expected, 1e-3);
    tf.dispose([images, labels, value, grads]);
  });

  it('is the folded network where batch norms keep their averages, and then changes none', () => {
    const images = image(3, 64);
    const [folded, model] = [made(64), made(64, { dropout: 0.2 })];
    const before = model.training!.variables['_bn0.running_mean']!.dataSync().slice();
    const expected = folded.logits(images).dataSync();
    for (const logits of [model.logits(images), model.training!.logits(images, pass())]) {
      logits.dataSync().forEach((value, i) => expect(Math.abs(value - expected[i]!)).toBeLessThan(1e-3));
    }
    expect(model.training!.variables['_bn0.running_mean']!.dataSync()).toEqual(before);
    images.dispose();
  });

  it('drops features at the published rate, before the classifier', () => {
    const rates: [number, number[]][] = [];
    const model = made(64, { dropout: 0.2 });
    tf.tidy(() => {
      const seen = model.training!.logits(image(2, 64), {
        batchStatistics: undefined,
        dropout: (x, rate) => {
          rates.push([rate, x.shape]);
          return tf.mul(x, 0);
        },
      });
      // Without features only the biases are left.
      expect([...seen.dataSync().slice(0, 10)]).toEqual([...model.training!.variables['_fc.bias']!.dataSync()]);
    });
    expect(rates).toEqual([[0.2, [2, 1280]]]);
  });

  it('makes the same steps again, to the bit, however the threads share them out', async (context) => {
    if (backend.name !== 'node') context.skip('one thread sums in one order: the native backend is what may differ');
    const [n, size] = [16, 96];
    const shown = image(n, size);
    const batch = {
      ids: Array.from({ length: n }, (_, i) => `image ${i}`),
      labels: Array.from({ length: n }, (_, i) => i % 10),
      pixels: shown.dataSync() as Float32Array,
    };
    const trained = async () => {
      const model = made(size, { dropout: 0.2 });
      // A graph of its own each time, as in another process.
      const stepper = createStepper(model, backend, STEPS);
      const losses: number[] = [];
      for (let step = 0; step < 3; step++) {
        const stream = (i: number) => ['same', step, i];
        losses.push((await stepper.train(batch, { step, learningRate: 0.01 }, stream)).loss);
      }
      const hash = createHash('sha256');
      for (const values of Object.values({ ...model.training!.variables, ...stepper.optimizer.slots }))
        hash.update(bytesOf(values.dataSync() as Float32Array));
      stepper.dispose();
      return { losses, digest: hash.digest('hex') };
    };
    const first = await trained();
    expect(new Set(first.losses).size).toBe(3);
    expect(await trained()).toEqual(first);
    shown.dispose();
  }, 180_000);

  it('is saved as torch lays its tensors out, and put back', async () => {
    const [model, other] = [made(64, { dropout: 0 }), made(64, { dropout: 0 })];
    const saved = await weightsOf(model);
    for (const [name, tensor] of madeUpLite(VARIANT, 10)) {
      expect(saved.get(name)!.shape).toEqual(tensor.shape);
      expect(bytesOf(saved.get(name)!.data).equals(bytesOf(toFloat32(tensor))), name).toBe(true);
    }
    const filter = other.training!.variables['_conv_stem.weight']!;
    filter.assign(tf.zeros(filter.shape));
    const tensors = new Map(
      [...saved].map(([name, { shape, data }]) => [name, { shape, strides: strides(shape), data }]),
    );
    await assignWeights(other, tensors, '');
    expect(filter.dataSync()).toEqual(model.training!.variables['_conv_stem.weight']!.dataSync());
    tensors.delete('_bn1.bias');
    await expect(assignWeights(other, tensors, 'mine')).rejects.toThrow(/mine.*no tensor _bn1\.bias/);
  });

  it('takes a new classifier to be trained, and refuses to guess with one', async () => {
    const context = testContext();
    const options = { weights: 'pretrained', size: 64, classes: 10 };
    const load = () => lite0.load(options, { ...context, training: true });
    const model = await load().catch((error: { code?: string }) => error);
    if (!('logits' in model)) return expect(model.code).toBe('DOWNLOAD_FAILED');
    models.push(model);
    expect([model.classes, model.inputSize.height]).toEqual([10, 64]);
    expect(context.said.join()).toContain('a new classifier for 10 classes takes the place of that for 1000');
    const kernel = Array.from(model.training!.variables['_fc.weight']!.dataSync());
    const largest = kernel.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    expect(largest * Math.sqrt(1280)).toBeCloseTo(1, 2);
    models.push((await load()) as Model);
    expect(Array.from(models.at(-1)!.training!.variables['_fc.weight']!.dataSync())).toEqual(kernel);
    await expect(lite0.load(options, context)).rejects.toThrow(/1000 classes apart, not 10/);
  });

  it('leaves no tensor behind', () => {
    const before = tf.memory().numTensors;
    const model = made(32, { dropout: 0.2 });
    const images = image(2, 32);
    tf.dispose([model.logits(images), model.training!.logits(images, pass(0.9)), images]);
    models.pop()!.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });
});

/** To compare millions of values at once: `toEqual` takes seconds for them. */
function bytesOf(values: Float32Array): Buffer {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength);
}

function strides(shape: readonly number[]): number[] {
  return shape.map((_, i) => shape.slice(i + 1).reduce((product, side) => product * side, 1));
}

/** Norm and first values, in the order in which torch stores them, to a share of the norm. */
function expectSeen(tensor: tf.Tensor, expected: Seen, share: number): void {
  const values = Array.from(tensor.dataSync());
  const norm = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
  expect(Math.abs(norm / expected.norm - 1)).toBeLessThan(share);
  expected.values.forEach((value, i) => expect(Math.abs(values[i]! - value)).toBeLessThan(share * expected.norm));
}
