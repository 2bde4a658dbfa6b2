import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openBackend } from '../backend/open-backend.js';
import { drawnPixels, tinyModel } from '../testing/tiny-model.js';
import { createPredictor, rank } from './predictor.js';

describe('rank', () => {
  it('gives the k largest, ties to the smaller class, and the smallest', () => {
    expect(rank(Float32Array.of(1, 3, 2, 3, -1), 3, 0)).toMatchObject({ top: [1, 3, 2], least: 4 });
    expect(rank(Float32Array.of(2, 2, 2), 2, 0)).toMatchObject({ top: [0, 1], least: 0 });
  });

  it('gives all classes where k is larger than their number', () => {
    expect(rank(Float32Array.of(0, 5), 9, 0).top).toEqual([1, 0]);
  });

  it("counts in the dataset's numbering: the background class is -1", () => {
    expect(rank(Float32Array.of(9, 1, 5), 3, 1)).toMatchObject({ top: [-1, 1, 0], least: 0 });
  });

  it('gives the softmax probability of the first, without overflow', () => {
    expect(rank(Float32Array.of(0, Math.log(3)), 1, 0).p).toBeCloseTo(0.75, 6);
    expect(rank(Float32Array.of(1000, 1000), 1, 0).p).toBeCloseTo(0.5, 12);
    expect(rank(Float32Array.of(-1000, 0), 1, 0).p).toBe(1);
  });

  it.each([NaN, Infinity, -Infinity])('refuses %d', (value) => {
    expect(() => rank(Float32Array.of(0, value, 1), 1, 0)).toThrow(expect.objectContaining({ code: 'MODEL_NAN' }));
  });

  it('agrees with a full sort', () => {
    const logits = fc.array(fc.integer({ min: -4, max: 4 }), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(logits, fc.integer({ min: 1, max: 8 }), fc.integer({ min: 0, max: 1 }), (values, k, offset) => {
        const order = values.map((_, i) => i).sort((a, b) => values[b]! - values[a]! || a - b);
        const ranked = rank(Float32Array.from(values), k, offset);
        expect(ranked.top).toEqual(order.slice(0, k).map((c) => c - offset));
        expect(values[ranked.least + offset]).toBe(Math.min(...values));
        const max = Math.max(...values);
        expect(ranked.p).toBeCloseTo(1 / values.reduce((sum, value) => sum + Math.exp(value - max), 0), 10);
      }),
    );
  });
});

describe('createPredictor', () => {
  it('names the classes of each image as argmax does, in any batch, and leaves no tensors behind', async () => {
    const backend = await openBackend('cpu', { log: () => undefined, warn: () => undefined });
    const model = tinyModel();
    const predictor = createPredictor(model, backend, { k: 2, images: 6 });
    const pixels = drawnPixels(6, model.inputSize);
    const expected = tf.tidy(() =>
      Array.from(tf.argMax(model.logits(tf.tensor4d(pixels, [6, 8, 8, 3])), 1).dataSync()),
    );
    const tensors = tf.memory().numTensors;
    const together = await predictor.predict(pixels);
    expect(together.map(({ top }) => top[0])).toEqual(expected);
    const length = pixels.length / 6;
    for (let i = 0; i < 6; i++) {
      const [alone] = await predictor.predict(pixels.subarray(i * length, (i + 1) * length));
      expect(alone!.top).toEqual(together[i]!.top);
      expect(alone!.p).toBeCloseTo(together[i]!.p, 5);
    }
    expect(await predictor.predict(new Float32Array(0))).toEqual([]);
    expect(tf.memory().numTensors).toBe(tensors);
    predictor.dispose();
    model.dispose();
  });
});
