import { openBackend } from '@shield/core';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { ActiveSet } from './active-set.js';

beforeAll(() => openBackend('cpu', { log: () => undefined, warn: () => undefined }));

/** Two tensors whose rows say which image they belong to. */
const stateOf = (images: readonly number[]) => ({
  a: tf.tensor1d([...images]),
  b: tf.tensor2d(
    images.flatMap((i) => [i, -i]),
    [images.length, 2],
  ),
});

describe('ActiveSet', () => {
  test('keeps rows and tensors together through any sequence of departures, and leaves no tensors behind', () => {
    const departures = fc.array(fc.infiniteStream(fc.boolean()), { maxLength: 6 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), departures, (n, rounds) => {
        const before = tf.memory().numTensors;
        // Not 0 … n-1: a set may begin with some of the images only.
        const images = Array.from({ length: n }, (_, i) => 3 * i + 1);
        const active = new ActiveSet(images, stateOf(images));
        let left = images;
        for (const stays of rounds) {
          const kept = left.flatMap((_, row) => (stays.next().value ? [row] : []));
          active.keep(kept);
          left = kept.map((row) => left[row]!);
          expect(active.rows).toEqual(left);
          expect(active.size).toBe(left.length);
          expect([...active.state.a.dataSync()]).toEqual(left);
          expect([...active.state.b.dataSync()]).toEqual(left.flatMap((i) => [i, -i]));
          expect(active.state.b.shape).toEqual([left.length, 2]);
        }
        active.dispose();
        expect(tf.memory().numTensors).toBe(before);
      }),
    );
  });

  test('copies nothing while all stay', () => {
    const active = new ActiveSet([0, 1], stateOf([0, 1]));
    const { a, b } = active.state;
    active.keep([0, 1]);
    expect([active.state.a === a, active.state.b === b]).toEqual([true, true]);
    active.dispose();
  });

  test('update puts a tensor in the place of another, which is disposed; the rest stays', () => {
    const active = new ActiveSet([0, 1], stateOf([0, 1]));
    const { a, b } = active.state;
    const next = tf.tensor1d([7, 8]);
    active.update({ a: next });
    expect([a.isDisposed, b.isDisposed]).toEqual([true, false]);
    expect(active.state.a).toBe(next);
    active.update({ a: next });
    expect(next.isDisposed).toBe(false);
    active.dispose();
    expect([next.isDisposed, b.isDisposed]).toEqual([true, true]);
  });

  test('is not changed by what becomes of the list that it was given', () => {
    const rows = [4, 5];
    const active = new ActiveSet(rows, stateOf(rows));
    rows.push(6);
    expect(active.rows).toEqual([4, 5]);
    active.dispose();
  });
});
