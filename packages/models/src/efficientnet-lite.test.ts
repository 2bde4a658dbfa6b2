import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import {
  ShieldError,
  openBackend,
  rowMajorStrides,
  sizeOf,
  type Model,
  type WeightMap,
  type WeightTensor,
} from '@shield/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { liteConvolutions, type LiteVariant } from './efficientnet-lite-blocks.js';
import { efficientNetLite } from './efficientnet-lite.js';
import lite0 from './efficientnet-lite0.js';
import lite1 from './efficientnet-lite1.js';
import lite2 from './efficientnet-lite2.js';
import { testContext } from './testing/load-context.js';

/** Recorded by bench/record/efficientnet_lite.py, which also gives the formulas. */
interface Recorded {
  readonly n: number;
  readonly size: number;
  readonly argmax: readonly number[];
  readonly logits: readonly (readonly number[])[];
  readonly gradientNorm: readonly number[];
  readonly gradient: readonly (readonly number[])[];
}
const fixture = JSON.parse(readFileSync(new URL('../fixtures/efficientnet-lite.json', import.meta.url), 'utf8')) as {
  published: Record<string, Recorded>;
  madeUp: Record<string, Recorded & LiteVariant>;
};
const quiet = { log: () => undefined, warn: () => undefined };

describe('with weights by formula, in plain JavaScript', () => {
  beforeAll(async () => void (await openBackend('cpu', quiet)));

  it.each(Object.entries(fixture.madeUp))('%s gives the logits and gradients of PyTorch', (_, recorded) => {
    const model = efficientNetLite({ ...recorded, weights: madeUp(recorded, 10), weightsDigest: '', path: '' });
    expectLikePyTorch(model, recorded);
    model.dispose();
  });

  it('leaves no tensor behind', () => {
    const variant = { width: 1, depth: 1, size: 32 };
    const before = tf.memory().numTensors;
    const model = efficientNetLite({ ...variant, weights: madeUp(variant, 2), weightsDigest: '', path: '' });
    const images = image(1, 32);
    tf.dispose([model.logits(images), images]);
    model.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('names the tensor that is missing or has another shape', () => {
    const variant = { width: 1, depth: 1, size: 32 };
    const load = (weights: WeightMap) => () =>
      efficientNetLite({ ...variant, weights, weightsDigest: '', path: 'mine.pth' });
    const weights = new Map(madeUp(variant, 10));
    const before = tf.memory().numTensors;
    weights.delete('_blocks.3._bn1.running_var');
    expect(load(weights)).toThrow(/mine\.pth.*no tensor _blocks\.3\._bn1\.running_var/);
    expect(load(new Map())).toThrow(/no tensor _conv_stem/);
    expect(load(madeUp({ width: 1.1, depth: 1.2 }, 10))).toThrow(/_blocks\.\d+\._\w+\.weight has shape \[.*\], not/);
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('with the published weights', () => {
  beforeAll(async () => {
    await openBackend('node', { ...quiet, allowSetup: false }).catch(() => openBackend('wasm', quiet));
  });

  it.each([lite0, lite1, lite2].map((plugin) => [plugin.name, plugin] as const))(
    '%s gives the logits and gradients of PyTorch',
    async (_, plugin) => {
      const context = testContext();
      let model: Model;
      try {
        model = await plugin.load({ weights: 'pretrained' }, context);
      } catch (error) {
        if (!(error instanceof ShieldError && error.code === 'DOWNLOAD_FAILED')) throw error;
        return void console.warn(`skipped: the weights of ${plugin.name} cannot be fetched (${error.message})`);
      }
      expect([model.classes, model.labelOffset]).toEqual([1000, 0]);
      expect([...context.files.values()]).toEqual([model.weightsDigest]);
      expectLikePyTorch(model, fixture.published[plugin.name]!);
      model.dispose();
    },
  );
});

function expectLikePyTorch(model: Model, recorded: Recorded): void {
  const { n, size, argmax } = recorded;
  const images = image(n, size);
  const labels = tf.oneHot(tf.fill([n], 3, 'int32'), model.classes);
  const crossEntropy = (x: tf.Tensor) => {
    const logits = model.logits(x as tf.Tensor4D);
    return tf.neg<tf.Scalar>(tf.sum<tf.Scalar>(tf.mul(tf.logSoftmax(logits), labels)));
  };
  const [logits, gradient] = tf.tidy(() => [
    model.logits(images),
    tf.reshape<tf.Rank.R2>(tf.grad(crossEntropy)(images), [n, -1]),
  ]);
  expect(Array.from(tf.argMax(logits, 1).dataSync())).toEqual(argmax);
  logits.arraySync().forEach((row, i) => {
    expect(largestGap(row, recorded.logits[i]!)).toBeLessThan(1e-3);
  });
  gradient.arraySync().forEach((row, i) => {
    // A ReLU6 that another order of summing flips moves single values: hence a share of the norm.
    expect(norm(row) / recorded.gradientNorm[i]!).toBeCloseTo(1, 2);
    const seen = row.slice(300, 316);
    expect(largestGap(seen, recorded.gradient[i]!)).toBeLessThan(2e-2 * norm(recorded.gradient[i]!));
  });
  tf.dispose([images, labels, logits, gradient]);
}

function norm(values: readonly number[]): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
}

function largestGap(a: readonly number[], b: readonly number[]): number {
  expect(a).toHaveLength(b.length);
  return Math.max(...a.map((value, i) => Math.abs(value - b[i]!)));
}

function image(n: number, size: number): tf.Tensor4D {
  const one = size * size * 3;
  const data = Float32Array.from({ length: n * one }, (_, at) => {
    const j = at % one;
    return 0.5 + 0.5 * Math.sin(0.01 * j + (j % 3) + Math.floor(at / one));
  });
  return tf.tensor4d(data, [n, size, size, 3]);
}

function madeUp(variant: LiteVariant, classes: number): WeightMap {
  const weights = new Map<string, WeightTensor>();
  const put = (name: string, shape: readonly number[], value: (u: number) => number) => {
    const data = Float32Array.from({ length: sizeOf(shape) }, uniform(name, value));
    weights.set(name, { shape, strides: rowMajorStrides(shape), data });
  };
  for (const { convolution, batchNorm, shape } of liteConvolutions(variant)) {
    const [filters, ...fan] = shape;
    put(convolution, shape, (u) => (2 * u - 1) * Math.sqrt(6 / sizeOf(fan)));
    put(`${batchNorm}.weight`, [filters], (u) => 0.5 + u);
    put(`${batchNorm}.bias`, [filters], (u) => 0.5 * u - 0.25);
    put(`${batchNorm}.running_mean`, [filters], (u) => 0.5 * u - 0.25);
    put(`${batchNorm}.running_var`, [filters], (u) => 0.5 + u);
  }
  put('_fc.weight', [classes, 1280], (u) => (2 * u - 1) * Math.sqrt(3 / 1280));
  put('_fc.bias', [classes], (u) => u - 0.5);
  return weights;
}

/** Element i of the tensor of this name: `value` of a number in [0, 1) that the name and i alone decide. */
function uniform(name: string, value: (u: number) => number): (_: unknown, i: number) => number {
  let seed = 0x811c9dc5;
  for (const byte of Buffer.from(name)) seed = Math.imul(seed ^ byte, 0x01000193);
  return (_, i) => {
    let h = (Math.imul(i, 0x9e3779b9) + seed) | 0;
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    return value(((h ^ (h >>> 16)) >>> 0) / 2 ** 32);
  };
}
