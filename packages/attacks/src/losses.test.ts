import { openBackend } from '@shield/core';
import * as tf from '@tensorflow/tfjs-core';
import type { Tensor2D } from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { crossEntropy, margin, oneHot } from './losses.js';

beforeAll(() => openBackend('cpu', { log: () => undefined, warn: () => undefined }));

/** Logits and a label of one image. */
const oneImage = fc
  .array(fc.double({ min: -30, max: 30, noNaN: true }), { minLength: 2, maxLength: 12 })
  .chain((logits) => fc.tuple(fc.constant(logits.map(Math.fround)), fc.nat(logits.length - 1)));

const on = (logits: readonly number[], label: number, loss: typeof margin) =>
  tf.tidy(() => loss(tf.tensor2d([...logits], [1, logits.length]), oneHot([label], logits.length)).dataSync()[0]!);

test('oneHot marks the label of each row', () => {
  tf.tidy(() => {
    const marked = oneHot(Int32Array.of(2, 0), 3);
    expect([marked.dtype, marked.shape, [...marked.dataSync()]]).toEqual(['float32', [2, 3], [0, 0, 1, 1, 0, 0]]);
  });
});

describe('crossEntropy', () => {
  test('is −log softmax of the label', () => {
    expect(on([0, Math.log(3)], 0, crossEntropy)).toBeCloseTo(Math.log(4), 6);
    expect(on([0, Math.log(3)], 1, crossEntropy)).toBeCloseTo(Math.log(4 / 3), 6);
    fc.assert(
      fc.property(oneImage, ([logits, label]) => {
        const max = Math.max(...logits);
        const expected = max + Math.log(logits.reduce((sum, z) => sum + Math.exp(z - max), 0)) - logits[label]!;
        expect(on(logits, label, crossEntropy)).toBeCloseTo(expected, 4);
      }),
    );
  });

  test('does not overflow, and its gradient is softmax − one-hot', () => {
    expect(on([1000, 0], 1, crossEntropy)).toBe(1000);
    tf.tidy(() => {
      const gradient = tf.grad((z) => tf.sum(crossEntropy(z as Tensor2D, oneHot([1, 0], 2))));
      const values = gradient(tf.tensor2d([0, Math.log(3), 500, 0], [2, 2])).dataSync();
      [0.25, -0.25, 0, 0].forEach((expected, k) => expect(values[k]).toBeCloseTo(expected, 6));
    });
  });
});

describe('margin', () => {
  test('is the logit of the label above the best of the others', () => {
    fc.assert(
      fc.property(oneImage, ([logits, label]) => {
        const others = logits.filter((_, c) => c !== label);
        expect(on(logits, label, margin)).toBeCloseTo(logits[label]! - Math.max(...others), 4);
      }),
    );
  });

  test('one number a row, and gradient 1 on the label, −1 on the best other', () => {
    tf.tidy(() => {
      const z = tf.tensor2d([5, 1, 3, 0, 2, -1], [2, 3]);
      const marked = oneHot([0, 2], 3);
      expect([...margin(z, marked).dataSync()]).toEqual([2, -3]);
      const gradient = tf.grad((z) => tf.sum(margin(z as Tensor2D, marked)))(z);
      expect([...gradient.dataSync()]).toEqual([1, 0, -1, 0, -1, 1]);
    });
  });
});
