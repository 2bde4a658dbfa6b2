import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { Random } from '../../random/random.js';
import { nativeForTests } from '../../testing/native-for-tests.js';
import type { Backend } from '../backend.js';
import type { NativeKernelBackend } from '../native/kernel-backend.js';
import { openBackend } from '../open-backend.js';
import { recordGraph, type RecordedGraph } from './graph-recorder.js';
import { mergeNodes } from './merge-nodes.js';

const quiet = { threads: 1, log: () => undefined, warn: () => undefined };
const native = await nativeForTests();

const binding = () => (tf.backend() as NativeKernelBackend).binding;
const graphs = () => binding().getNumOfSavedModels();

function filled(name: string, shape: number[]): tf.Tensor {
  const random = new Random('capture.test', name);
  const size = shape.reduce((a, b) => a * b, 1);
  return tf.tensor(
    Float32Array.from({ length: size }, () => random.uniform() * 2 - 1),
    shape,
  );
}

/** Runs eagerly and captured, and compares every output value by value. */
function compare(backend: Backend, fn: (...inputs: tf.Tensor[]) => tf.Tensor[], inputs: tf.Tensor[]): void {
  const captured = backend.capture(fn);
  const before = graphs();
  const outputs = captured(...inputs);
  expect(graphs()).toBeGreaterThan(before);
  const expected = tf.tidy(() => fn(...inputs));
  expect(outputs.length).toBe(expected.length);
  for (const [i, output] of outputs.entries()) {
    expect(output.shape).toEqual(expected[i]!.shape);
    expect(output.dtype).toBe(expected[i]!.dtype);
    const [a, b] = [output.dataSync(), expected[i]!.dataSync()];
    const scale = Math.max(1, ...Array.from(b as Float32Array, Math.abs));
    for (let k = 0; k < a.length; k++) {
      expect(Math.abs(Number(a[k]) - Number(b[k]))).toBeLessThanOrEqual(2e-6 * scale);
    }
  }
  captured.dispose();
  expect(graphs()).toBe(before);
}

describe.skipIf(!native)('graph capture', () => {
  let backend: Backend;
  beforeAll(async () => {
    backend = await openBackend('node', quiet);
  });

  /** A small network with every kind of layer; `logits`, the loss of each image and the input's gradient in one pass. */
  function network(): (images: tf.Tensor, labels: tf.Tensor) => tf.Tensor[] {
    const stem = filled('stem', [3, 3, 3, 8]) as tf.Tensor4D;
    const bias = filled('bias', [8]);
    const depthwise = filled('depthwise', [3, 3, 8, 1]) as tf.Tensor4D;
    const dense = filled('dense', [8, 5]) as tf.Tensor2D;
    const logitsOf = (images: tf.Tensor): tf.Tensor => {
      const x = tf.sub<tf.Tensor4D>(tf.mul(images, 2), 1);
      const first = tf.fused.conv2d({ x, filter: stem, strides: 2, pad: 'same', bias, activation: 'relu6' });
      const second = tf.relu(tf.depthwiseConv2d(tf.maxPool(first, 2, 1, 'same'), depthwise, 2, 'same'));
      return tf.matMul(tf.mean<tf.Tensor2D>(second, [1, 2]), dense);
    };
    return (images, labels) => {
      let kept: tf.Tensor[] = [];
      const gradient = tf.grad((x: tf.Tensor) => {
        const logits = logitsOf(x);
        const losses = tf.neg(tf.sum(tf.mul(tf.logSoftmax(logits), tf.oneHot(labels as tf.Tensor1D, 5)), 1));
        kept = [logits, losses].map((tensor) => tf.keep(tf.clone(tensor)));
        return tf.sum(losses);
      })(images);
      const [logits, losses] = kept.map((tensor) => tf.clone(tensor));
      tf.dispose(kept);
      return [logits!, losses!, gradient];
    };
  }

  test.each([1, 3, 4, 6, 21])('logits, loss and gradient of %i images', (n) => {
    compare(backend, network(), [
      tf.abs(filled('images', [n, 11, 11, 3])),
      tf.tensor1d(
        Array.from({ length: n }, (_, i) => i % 5),
        'int32',
      ),
    ]);
  });

  test('random compositions of ops', () => {
    const constant = filled('constant', [6, 6]) as tf.Tensor2D;
    const row = filled('row', [6]);
    const steps: ((x: tf.Tensor) => tf.Tensor)[] = [
      (x) => tf.add(x, row),
      (x) => tf.mul(x, tf.tensor([2, -1, 0.5, 3, 1, -2])),
      (x) => tf.matMul(x, constant),
      (x) => tf.tanh(x),
      (x) => tf.relu(x),
      (x) => tf.softmax(x),
      (x) => tf.sub(x, tf.mean(x, 1, true)),
      (x) => tf.clipByValue(x, -0.7, 0.9),
      (x) => tf.where(tf.greater(x, 0.1), x, tf.mul(x, 3)),
      (x) => tf.concat([tf.slice(x, [0, 3], [-1, 3]), tf.slice(x, [0, 0], [-1, 3])], 1),
      (x) => tf.reshape(tf.transpose(tf.reshape(x, [-1, 2, 3]), [0, 2, 1]), [-1, 6]),
      (x) => tf.sum(tf.stack([x, tf.square(x)]), 0),
      (x) => tf.div(x, tf.add(tf.norm(x, 2, 1, true), 1)),
      (x) => tf.grad((v: tf.Tensor) => tf.sum(tf.sin(v)))(x),
      (x) => tf.reverse(tf.pad(tf.slice(x, [0, 1], [-1, 4]), [[0, 0], [1, 1]]), 1), // prettier-ignore
      (x) => tf.gather(x, tf.tensor1d([5, 0, 0, 2, 1, 3], 'int32'), 1),
      (x) => tf.cast(tf.cast(tf.mul(x, 4), 'int32'), 'float32'),
    ];
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: steps.length - 1 }), { minLength: 1, maxLength: 9 }),
        fc.integer({ min: 1, max: 7 }),
        (chosen, n) => {
          const fn = (x: tf.Tensor) => [chosen.reduce((value, step) => steps[step]!(value), x)];
          // Rounding to whole numbers may fall either way where float sums differ in the last bit: not there.
          fc.pre(chosen.indexOf(steps.length - 1) <= 0);
          tf.tidy(() => compare(backend, fn, [filled(`x${n}`, [n, 6])]));
        },
      ),
      { numRuns: 25, seed: 2018 },
    );
  });

  test('several gradients of one function have one forward pass', () => {
    const logitsOf = network();
    const images = tf.abs(filled('images', [4, 11, 11, 3]));
    const several = (x: tf.Tensor) => [0, 1, 2].map((k) => logitsOf(x, tf.tensor1d([k, k, k, k], 'int32'))[2]!);
    const convolutions = (fn: (x: tf.Tensor) => tf.Tensor[]) => {
      const graph = recordGraph(tf, tf.backend() as NativeKernelBackend, fn, [images]);
      const count = ({ nodes }: RecordedGraph) =>
        nodes.filter((node) => node.kind === 'op' && /Conv/.test(node.name)).length;
      return { recorded: count(graph), merged: count(mergeNodes(graph)) };
    };
    const forward = convolutions((x) => [logitsOf(x, tf.tensor1d([0, 0, 0, 0], 'int32'))[0]!]).recorded;
    const one = convolutions((x) => several(x).slice(0, 1)).recorded;
    const three = convolutions(several);
    expect(forward).toBeGreaterThan(0);
    expect(three.recorded).toBe(3 * one);
    expect(three.merged).toBe(forward + 3 * (one - forward));
    compare(backend, several, [images]);
  });

  test('one number a channel, added to a convolution, is a bias, which TensorFlow fuses', () => {
    const filter = filled('filter', [3, 3, 3, 8]) as tf.Tensor4D;
    const [bias, pixels] = [filled('bias', [8]), filled('pixels', [5, 1])];
    const images = filled('images', [2, 5, 5, 3]) as tf.Tensor4D;
    const added = (what: tf.Tensor) => (x: tf.Tensor) => [tf.add(tf.conv2d(x as tf.Tensor4D, filter, 1, 'same'), what)];
    const ops = (fn: (x: tf.Tensor) => tf.Tensor[]) =>
      recordGraph(tf, tf.backend() as NativeKernelBackend, fn, [images]).nodes.flatMap((node) =>
        node.kind === 'op' ? [node.name] : [],
      );
    expect(ops(added(bias))).toEqual(['Conv2D', 'BiasAdd']);
    expect(ops(added(pixels))).toEqual(['Conv2D', 'Add']);
    for (const what of [bias, pixels]) compare(backend, added(what), [images]);
  });

  test('int32 and bool, in and out', () => {
    const fn = (a: tf.Tensor, b: tf.Tensor, c: tf.Tensor): tf.Tensor[] => [
      tf.equal(a, b),
      tf.add(a, b),
      tf.logicalNot(c),
      tf.argMax(tf.stack([a, b], 1), 1),
      tf.where(c, a, b),
    ];
    const a = tf.tensor1d([1, 2, 3], 'int32');
    compare(backend, fn, [a, tf.tensor1d([3, 2, 1], 'int32'), tf.tensor1d([true, false, true], 'bool')]);
  });

  test('outputs that are an input, a constant, or the same tensor twice', () => {
    const constant = tf.tensor2d([[1], [2], [3], [4]]);
    const fn = (x: tf.Tensor): tf.Tensor[] => {
      const y = tf.square(x);
      return [x, constant, y, y];
    };
    const x = filled('x', [4, 2]);
    compare(backend, fn, [x]);
    const captured = backend.capture(fn as (x: tf.Tensor) => [tf.Tensor, tf.Tensor]);
    for (const output of captured(x)) output.dispose();
    expect([x.isDisposed, constant.isDisposed]).toEqual([false, false]);
    captured.dispose();
  });

  test('a gather by an input, for each image its own', () => {
    const fn = (x: tf.Tensor, label: tf.Tensor): tf.Tensor[] => [
      tf.gather(x, tf.expandDims(tf.cast(label, 'int32'), 1), 1, 1),
    ];
    compare(backend, fn, [filled('logits', [4, 9]), tf.tensor1d([8, 0, 3, 3], 'int32')]);
  });

  test('what is closed over may be gone afterwards, and inputs may be closed over too', () => {
    const x = filled('x', [4, 3]);
    const weight = tf.tensor1d([1, 10, 100]);
    const captured = backend.capture((value: tf.Tensor): [tf.Tensor] => [tf.add(tf.mul(value, weight), tf.mul(x, 0))]);
    const [first] = captured(x);
    weight.dispose();
    const other = tf.ones([4, 3]);
    const [second] = captured(other);
    expect(first.shape).toEqual([4, 3]);
    expect([...second.dataSync()].slice(0, 3)).toEqual([1, 10, 100]);
    captured.dispose();
  });

  test('the same batch gives the same bits, whatever ran before', () => {
    const captured = backend.capture(network());
    const x = filled('images', [7, 11, 11, 3]);
    const y = tf.zeros([7], 'int32');
    const first = captured(x, y).map((output) => output.dataSync());
    captured(filled('other', [16, 11, 11, 3]), tf.zeros([16], 'int32'));
    expect(captured(x, y).map((output) => output.dataSync())).toEqual(first);
    captured.dispose();
  });

  test('tensors do not leak: not in tfjs, not in the addon, not on disk', () => {
    const fn = network();
    const x = tf.tidy(() => tf.abs(filled('images', [6, 11, 11, 3])));
    const y = tf.zeros([6], 'int32');
    const captured = backend.capture(fn);
    // Weights move from JavaScript into the addon when they are first used.
    for (const output of captured(x, y)) output.dispose();
    const counts = () => [tf.memory().numTensors, binding().getNumOfTensors()];
    const before = counts();
    for (let i = 0; i < 3; i++) for (const output of captured(x, y)) output.dispose();
    expect(counts()).toEqual(before);
    const again = backend.capture(fn);
    for (const output of again(x, y)) output.dispose();
    again.dispose();
    expect(counts()).toEqual(before);
    expect(readdirSync(tmpdir()).filter((name) => name.startsWith('shield-graph-'))).toEqual([]);
    captured.dispose();
  });

  test('recording keeps no results: what lies in memory does not grow with the length of the function', () => {
    const held = (length: number) => {
      let most = 0;
      const fn = (x: tf.Tensor) => {
        const chain = Array.from({ length }).reduce<tf.Tensor>((y) => tf.relu(tf.mul(y, y)), x);
        const gradient = tf.grad((v: tf.Tensor) => tf.sum(Array.from({ length }).reduce<tf.Tensor>((y) => tf.sin(y), v)))(x); // prettier-ignore
        most = binding().getNumOfTensors();
        return [chain, gradient];
      };
      const before = binding().getNumOfTensors();
      recordGraph(tf, tf.backend() as NativeKernelBackend, fn, [x]);
      expect(binding().getNumOfTensors()).toBe(before);
      return most - before;
    };
    const x = filled('x', [4, 3]);
    tf.relu(x).dispose(); // moves it from JavaScript into the addon
    expect(held(40)).toBe(held(4));
    compare(backend, (y) => [tf.reshape(tf.argMax(y, 1), [-1, 1]), tf.grad((v: tf.Tensor) => tf.prod(v))(y)], [x]);
  });

  test('an op that cannot be given zeros runs eagerly', () => {
    const fn = (x: tf.Tensor): [tf.Tensor] => [tf.floorDiv(tf.scalar(17, 'int32'), tf.add(x, tf.scalar(1, 'int32')))];
    const captured = backend.capture((x: tf.Tensor): [tf.Tensor] => fn(tf.add(x, x)));
    const minus = tf.tensor1d([1, 2, 3], 'int32');
    expect([...captured(minus)[0].dataSync()]).toEqual([5, 3, 2]);
    captured.dispose();
  });

  test('a value that no input changes may be read on the way: shapes that a graph computes with', () => {
    const sides = (x: tf.Tensor) => tf.mul(tf.tensor1d(x.shape, 'int32'), tf.scalar(1, 'int32')).dataSync();
    compare(backend, (x) => [tf.reshape(tf.mul(x, 2), [sides(x)[0]!, sides(x)[1]! * sides(x)[2]!])], [filled('x', [4, 2, 3])]); // prettier-ignore
  });

  describe('what cannot be a graph runs eagerly', () => {
    const cases: Record<string, (x: tf.Tensor) => [tf.Tensor]> = {
      'it reads a value': (x) => [tf.mul(x, tf.sum(x).dataSync()[0]!)],
      'it draws random numbers': (x) => [tf.add(tf.mul(x, 0), tf.randomUniform(x.shape))],
      'it asks for random numbers of TensorFlow': (x) => [
        tf.add(tf.mul(x, 0), tf.cast(tf.multinomial(tf.zeros<tf.Rank.R2>([2, 50]), 3), 'float32')),
      ],
    };
    test.each(Object.entries(cases))('%s', (_, fn) => {
      const before = graphs();
      const captured = backend.capture(fn);
      const x = filled('x', [2, 3]);
      const random = Math.random;
      const [first] = captured(x);
      const [second] = captured(x);
      expect(graphs()).toBe(before);
      expect(first.shape).toEqual([2, 3]);
      expect(Math.random).toBe(random);
      if (fn !== cases['it reads a value']) expect(second.dataSync()).not.toEqual(first.dataSync());
    });

    test('an inner captured function inside an outer one', () => {
      const inner = backend.capture((x: tf.Tensor): [tf.Tensor] => [tf.square(x)]);
      const outer = backend.capture((x: tf.Tensor): [tf.Tensor] => [tf.add(inner(x)[0], 1)]);
      const x = tf.tensor1d([1, 2, 3, 4]);
      expect([...outer(x)[0].dataSync()]).toEqual([2, 5, 10, 17]);
      expect([...outer(x)[0].dataSync()]).toEqual([2, 5, 10, 17]);
      outer.dispose();
      inner.dispose();
      compare(backend, (v) => [tf.square(v)], [x]);
    });

    test('an empty batch', () => {
      const captured = backend.capture((x: tf.Tensor): [tf.Tensor] => [tf.square(x)]);
      expect(captured(tf.zeros([0, 3]))[0].shape).toEqual([0, 3]);
    });
  });

  test('a function that throws leaves the backend as it was', () => {
    const before = tf.memory().numTensors;
    const captured = backend.capture((x: tf.Tensor): [tf.Tensor] => {
      tf.square(x);
      throw new RangeError('mine');
    });
    const x = tf.ones([4]);
    expect(() => captured(x)).toThrow(RangeError);
    x.dispose();
    expect(tf.memory().numTensors).toBe(before);
    expect([...tf.square(tf.tensor1d([3])).dataSync()]).toEqual([9]);
  });
});

describe.each(['wasm', 'cpu', 'node'] as const)('the contract of captured functions on %s', (name) => {
  const missing = name === 'node' && !native;
  let backend: Backend;
  beforeAll(async () => {
    if (!missing) backend = await openBackend(name, quiet);
  });

  test.skipIf(missing)('an output without the batch is refused', () => {
    const captured = backend.capture((x: tf.Tensor): [tf.Tensor] => [tf.sum(x)]);
    expect(() => captured(tf.ones([4, 2]))).toThrow('its first dimension must be the batch');
  });

  test.skipIf(missing)('inputs of different batches are refused', () => {
    const captured = backend.capture((x: tf.Tensor, y: tf.Tensor): [tf.Tensor] => [tf.add(x, y)]);
    expect(() => captured(tf.ones([4]), tf.ones([3]))).toThrow('[4], [3]');
  });

  test.skipIf(missing)('outputs belong to the caller, inputs stay', () => {
    const constant = tf.ones([4, 2]);
    const x = tf.zeros([4, 2]);
    const before = tf.memory().numTensors;
    const captured = backend.capture((v: tf.Tensor): [tf.Tensor, tf.Tensor, tf.Tensor] => [v, constant, tf.add(v, 1)]);
    const outputs = captured(x);
    expect(outputs[2].dataSync()).toEqual(constant.dataSync());
    for (const output of outputs) output.dispose();
    expect([x.isDisposed, constant.isDisposed]).toEqual([false, false]);
    expect(tf.memory().numTensors).toBe(before);
  });
});
