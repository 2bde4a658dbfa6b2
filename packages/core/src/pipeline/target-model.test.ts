import * as tf from '@tensorflow/tfjs-core';
import type { Tensor1D, Tensor4D } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Backend } from '../backend/backend.js';
import { openBackend } from '../backend/open-backend.js';
import { drawnPixels, tinyModel } from '../testing/tiny-model.js';
import { PassCounter } from './pass-counter.js';
import { createTargetModel } from './target-model.js';
import { undefended } from './threat/attacker-view.js';

const COST = { forwards: 1, gradients: 2 };

describe('createTargetModel', () => {
  let backend: Backend;
  beforeAll(async () => {
    backend = await openBackend('cpu', { log: () => undefined, warn: () => undefined });
  });

  const images = (n: number) => tf.tensor4d(drawnPixels(n, { height: 8, width: 8 }), [n, 8, 8, 3]);

  it.each([true, false])('books passes to the rows that took part (capture: %s)', (capture) => {
    const model = tinyModel();
    const counter = new PassCounter();
    counter.start(4);
    const target = createTargetModel({
      view: undefended(model),
      backend,
      capture,
      count: (rows, cost) => counter.add(rows, cost),
    });
    const top = target.compile<[Tensor4D], [Tensor1D]>('top', COST, (x) => [tf.max(target.logits(x), 1)]);
    const three = images(3);
    tf.dispose(top([0, 2, 3], three));
    const one = images(1);
    tf.dispose(top(Int32Array.of(2), one));
    expect([0, 1, 2, 3].map((row) => counter.of(row))).toEqual([
      { forwards: 1, gradients: 2 },
      { forwards: 0, gradients: 0 },
      { forwards: 2, gradients: 4 },
      { forwards: 1, gradients: 2 },
    ]);
    // An image that was never given to the attack costs nothing.
    expect(counter.of(-1)).toEqual({ forwards: 0, gradients: 0 });
    tf.dispose([three, one]);
    target.dispose();
    model.dispose();
  });

  it('gives what the model gives, and the first function again for a name that it knows', () => {
    const model = tinyModel();
    const target = createTargetModel({ view: undefended(model), backend, capture: true, count: () => undefined });
    const first = target.compile<[Tensor4D], [Tensor4D]>('double', COST, (x) => [tf.mul<Tensor4D>(x, 2)]);
    const again = target.compile<[Tensor4D], [Tensor4D]>('double', COST, () => {
      throw new Error('the second function was called');
    });
    const x = images(2);
    const expected = Array.from(x.dataSync(), (value) => Math.fround(2 * value));
    for (const call of [first, again]) {
      const [y] = call([0, 1], x);
      expect(Array.from(y.dataSync())).toEqual(expected);
      y.dispose();
    }
    expect(target).toMatchObject({ inputSize: { height: 8, width: 8 }, classes: 5 });
    x.dispose();
    target.dispose();
    model.dispose();
  });

  it('does not book a call that fails, and leaves no tensors behind', () => {
    const model = tinyModel();
    const booked: number[] = [];
    const before = tf.memory().numTensors;
    const target = createTargetModel({
      view: undefended(model),
      backend,
      capture: true,
      count: (rows) => booked.push(...Array.from(rows)),
    });
    const failing = target.compile<[Tensor4D], [Tensor4D]>('failing', COST, (x) => {
      tf.mul(x, 2);
      throw new Error('no');
    });
    const x = images(1);
    expect(() => failing([0], x)).toThrow('no');
    expect(booked).toEqual([]);
    x.dispose();
    target.dispose();
    expect(tf.memory().numTensors).toBe(before);
    model.dispose();
  });

  it('frees the graphs that it made', () => {
    const freed: string[] = [];
    const model = tinyModel();
    const watching: Backend = {
      ...backend,
      capture: (fn) => {
        const captured = backend.capture(fn);
        return Object.assign((...inputs: Parameters<typeof fn>) => captured(...inputs), {
          dispose: () => void freed.push('graph'),
        });
      },
    };
    const target = createTargetModel({
      view: undefended(model),
      backend: watching,
      capture: true,
      count: () => undefined,
    });
    for (const name of ['a', 'b', 'a']) target.compile(name, COST, (x: Tensor4D): [Tensor4D] => [x]);
    target.dispose();
    expect(freed).toEqual(['graph', 'graph']);
    target.dispose();
    expect(freed).toHaveLength(2);
    model.dispose();
  });

  it.each([
    { side: 224, gradients: 1, batches: undefined, expected: [1, 4, 8] },
    { side: 224, gradients: 0, batches: undefined, expected: [1, 4, 8] },
    { side: 32, gradients: 1, batches: undefined, expected: undefined },
    { side: 224, gradients: 1, batches: [2], expected: [2] },
  ])('graphs of $gradients gradients at $side pixels, asked for $batches: $expected', (of) => {
    const model = tinyModel();
    const asked: unknown[] = [];
    const capture: Backend['capture'] = (fn, options) => {
      asked.push(options?.buckets);
      return backend.capture(fn, options);
    };
    const view = { ...undefended(model), inputSize: { height: of.side, width: of.side } };
    const target = createTargetModel({ view, backend: { ...backend, capture }, capture: true, count: () => undefined });
    const cost = { forwards: 1, gradients: of.gradients };
    target.compile<[Tensor4D], [Tensor4D]>('same', cost, (x) => [x], of.batches ? { batches: of.batches } : {});
    expect(asked).toEqual([of.expected]);
    target.dispose();
    model.dispose();
  });
});
