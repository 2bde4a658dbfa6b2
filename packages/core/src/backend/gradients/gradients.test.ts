import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { Random } from '../../random/random.js';
import { nativeForTests } from '../../testing/native-for-tests.js';
import { openBackend } from '../open-backend.js';

const quiet = { threads: 1, log: () => undefined, warn: () => undefined };
const native = await nativeForTests();

/** A function of an image batch and weights, each given by its shape; its gradients are compared. */
interface Case {
  readonly name: string;
  readonly shapes: readonly (readonly number[])[];
  readonly fn: (...tensors: tf.Tensor[]) => tf.Tensor;
  /** Finite differences need a function without kinks near the point. */
  readonly kinks?: boolean;
  /** Held to finite differences only. */
  readonly tfjsIsWrong?: boolean;
}

const four = (tensor: tf.Tensor | undefined) => tensor as tf.Tensor4D;
const conv = (
  size: number,
  kernel: number,
  stride: number,
  pad: 'same' | 'valid',
  channels = 3,
  filters = 4,
): Case => ({
  name: `conv2d ${size}px k${kernel} s${stride} ${pad}`,
  shapes: [
    [2, size, size + 1, channels],
    [kernel, kernel, channels, filters],
  ],
  fn: (x, w) => tf.conv2d(four(x), four(w), stride, pad),
});
const depthwise = (size: number, kernel: number, stride: number, pad: 'same' | 'valid', multiplier = 1): Case => ({
  name: `depthwise ${size}px k${kernel} s${stride} ${pad} ×${multiplier}`,
  shapes: [
    [2, size, size + 1, 3],
    [kernel, kernel, 3, multiplier],
  ],
  fn: (x, w) => tf.depthwiseConv2d(four(x), four(w), stride, pad),
});
const CASES: readonly Case[] = [
  conv(7, 1, 1, 'same'),
  conv(7, 1, 2, 'same'),
  conv(8, 3, 1, 'same'),
  conv(8, 3, 2, 'same'),
  conv(9, 3, 2, 'same'),
  conv(9, 3, 2, 'valid'),
  conv(8, 3, 2, 'valid'),
  conv(8, 5, 3, 'same'),
  conv(8, 2, 1, 'same'),
  depthwise(8, 3, 1, 'same'),
  depthwise(8, 5, 1, 'same'),
  depthwise(8, 2, 1, 'same'),
  depthwise(8, 3, 1, 'valid'),
  depthwise(8, 3, 2, 'same'),
  depthwise(9, 5, 2, 'same'),
  depthwise(8, 3, 2, 'valid'),
  depthwise(8, 3, 1, 'same', 2),
  depthwise(9, 3, 2, 'same', 2),
  {
    name: 'fused conv2d with bias',
    shapes: [[2, 6, 6, 3], [3, 3, 3, 4], [4]],
    fn: (x, w, b) =>
      tf.fused.conv2d({ x: four(x), filter: four(w), strides: 1, pad: 'same', bias: b, activation: 'linear' }),
  },
  {
    name: 'fused conv2d with bias and relu6',
    shapes: [[2, 6, 6, 3], [3, 3, 3, 4], [4]],
    fn: (x, w, b) =>
      tf.fused.conv2d({ x: four(x), filter: four(w), strides: 2, pad: 'same', bias: b, activation: 'relu6' }),
    kinks: true,
  },
  {
    name: 'fused depthwise with bias and relu',
    shapes: [[2, 6, 6, 3], [3, 3, 3, 1], [3]],
    fn: (x, w, b) =>
      tf.fused.depthwiseConv2d({ x: four(x), filter: four(w), strides: 1, pad: 'same', bias: b, activation: 'relu' }),
    kinks: true,
  },
  { name: 'relu', shapes: [[3, 20]], fn: (x) => tf.relu(x), kinks: true },
  { name: 'relu6', shapes: [[3, 50]], fn: (x) => tf.relu6(tf.mul(x, 6)), kinks: true },
  { name: 'max pool', shapes: [[2, 7, 7, 2]], fn: (x) => tf.maxPool(four(x), 3, 2, 'same'), kinks: true },
  { name: 'max pool of single pixels', shapes: [[2, 9, 9, 3]], fn: (x) => tf.maxPool(four(x), 1, 2, 'same') },
  {
    name: 'max pool in memory that was used before',
    shapes: [[2, 33, 33, 8]],
    fn: (x) => {
      for (let i = 0; i < 4; i++) tf.tidy(() => tf.mul(x, 1e6).dataSync());
      return tf.maxPool(four(x), 3, 2, 'valid');
    },
    kinks: true,
  },
  { name: 'average pool', shapes: [[2, 7, 7, 2]], fn: (x) => tf.avgPool(four(x), 3, 2, 'same'), tfjsIsWrong: true },
  { name: 'average pool without padding', shapes: [[2, 7, 7, 2]], fn: (x) => tf.avgPool(four(x), 3, 2, 'valid') },
  { name: 'global average pool', shapes: [[2, 7, 7, 2]], fn: (x) => tf.avgPool(four(x), 7, 1, 'valid') },
  { name: 'gather', shapes: [[5, 3]], fn: (x) => tf.gather(x, tf.tensor1d([0, 3, 3, 1], 'int32')) },
  {
    name: 'a small network',
    shapes: [[2, 9, 9, 3], [3, 3, 3, 4], [4], [3, 3, 4, 1], [4, 5], [5]],
    fn: (x, w, b, d, m, c) => {
      const first = tf.maxPool(four(tf.relu(tf.add(tf.conv2d(four(x), four(w), 1, 'same'), b))), 2, 2, 'same');
      const second = tf.mean(tf.sigmoid(tf.depthwiseConv2d(first, four(d), 2, 'same')), [1, 2]);
      return tf.softmax(tf.add(tf.matMul(second as tf.Tensor2D, m as tf.Tensor2D), c));
    },
    kinks: true,
  },
];

/** Uniform in [-1, 1], the same for every backend. */
function values(name: string, shape: readonly number[]): Float32Array {
  const random = new Random('gradients.test', name, ...shape);
  return Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.uniform() * 2 - 1);
}

const inputsOf = ({ name, shapes }: Case) =>
  shapes.map((shape, i) => tf.tensor(values(`${name} ${i}`, shape), [...shape]));

/** A number that weighs every output differently, so that no gradient is constant. */
function weighed(item: Case): (...tensors: tf.Tensor[]) => tf.Scalar {
  return (...tensors) => {
    const y = item.fn(...tensors);
    return tf.sum(tf.mul(y, tf.tensor(values(`${item.name} out`, y.shape), y.shape)));
  };
}

const gradientsOf = (item: Case): Float32Array[] =>
  tf.tidy(() =>
    tf
      .grads(weighed(item))(inputsOf(item))
      .map((gradient) => gradient.dataSync() as Float32Array),
  );

const distance = (a: Float32Array, b: Float32Array) =>
  a.reduce((max, value, i) => Math.max(max, Math.abs(value - b[i]!)), 0);

let expected: Map<string, Float32Array[]>;

beforeAll(async () => {
  // tfjs's own kernels in plain JavaScript are the reference; its gradients of ReLU are taken before ours replace them.
  await import('@tensorflow/tfjs');
  Object.assign(tf.findBackend('cpu'), { firstUse: false });
  await tf.setBackend('cpu');
  expected = new Map(CASES.map((item) => [item.name, gradientsOf(item)]));
});

describe.each(['cpu', 'wasm', 'node'] as const)('%s', (backend) => {
  beforeAll(async () => {
    if (backend !== 'node' || native) await openBackend(backend, quiet);
  });

  test.skipIf(backend === 'node' && !native).each(CASES.filter(({ tfjsIsWrong }) => !tfjsIsWrong))(
    '$name: as tfjs in plain JavaScript',
    (item) => {
      const before = tf.memory().numTensors;
      const actual = gradientsOf(item);
      expect(tf.memory().numTensors).toBe(before);
      for (const [i, gradient] of actual.entries()) {
        const reference = expected.get(item.name)![i]!;
        expect(gradient.length).toBe(reference.length);
        expect(distance(gradient, reference), `gradient ${i}`).toBeLessThan(2e-5);
        expect(reference.some((value) => value !== 0)).toBe(true);
      }
    },
  );

  test.skipIf(backend === 'node' && !native).each(CASES.filter(({ kinks }) => !kinks))(
    '$name: as finite differences',
    (item) => {
      const inputs = inputsOf(item);
      const gradients = gradientsOf(item);
      const f = weighed(item);
      const step = 1 / 32;
      for (const [i, input] of inputs.entries()) {
        const direction = values(`${item.name} direction ${i}`, input.shape);
        const along = (sign: number) =>
          tf.tidy(
            () =>
              f(
                ...inputs.map((x, k) => (k === i ? tf.add(x, tf.mul(tf.tensor(direction, x.shape), sign * step)) : x)),
              ).dataSync()[0]!,
          );
        const slope = (along(1) - along(-1)) / (2 * step);
        const predicted = gradients[i]!.reduce((sum, value, k) => sum + value * direction[k]!, 0);
        expect(Math.abs(slope - predicted), `input ${i}`).toBeLessThan(1e-3 * Math.max(1, Math.abs(predicted)));
      }
    },
  );

  test.skipIf(backend === 'node' && !native)('the gradient of a gradient', () => {
    const second = tf.tidy(() => {
      const inner = tf.grad((x: tf.Tensor) => tf.sum(tf.pow(tf.relu(x), 3)));
      return tf
        .grad((x: tf.Tensor) => tf.sum(inner(x)))(tf.tensor1d([-1, 0.5, 2]))
        .dataSync();
    });
    expect([...second]).toEqual([0, 3, 12].map((value) => expect.closeTo(value, 4) as number));
  });
});
