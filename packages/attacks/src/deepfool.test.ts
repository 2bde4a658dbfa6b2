import { Random, openBackend, type AttackInput } from '@shield/core';
import { attackConformance, drawnPixels, tinyModel } from '@shield/core/testing';
import { Value } from '@sinclair/typebox/value';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import deepfool from './deepfool.js';
import { attackFormula } from './testing/formula-network.js';
import recorded from './testing/minimal-norm.json' with { type: 'json' };

describe('deepfool conforms', () => {
  const variations = {
    candidates: [{ candidates: 2 }],
    max_iterations: [{ max_iterations: 1 }],
    overshoot: [{ overshoot: 0.5 }],
    norm: [{ norm: 'linf' }],
  };
  for (const { name, run } of attackConformance(deepfool, { variations })) test(name, run);
});

async function attack(
  model: { readonly size: readonly [number, number]; readonly classes: number; logits(x: tf.Tensor4D): tf.Tensor2D },
  pixels: Float32Array,
  labels: readonly number[],
  options: Record<string, unknown> = {},
) {
  const images = tf.tensor4d(pixels, [labels.length, ...model.size, 3]);
  const input: AttackInput = {
    model: {
      inputSize: { height: model.size[0], width: model.size[1] },
      classes: model.classes,
      logits: (x) => model.logits(x),
      compile:
        (_name, _cost, fn) =>
        (_rows, ...inputs) =>
          tf.tidy(() => fn(...inputs)),
    },
    images,
    labels: Int32Array.from(labels),
    ids: labels.map(String),
    random: () => {
      throw new Error('deepfool draws nothing');
    },
    checkpoint: async () => undefined,
  };
  const output = await deepfool.run(
    input,
    Value.Default(deepfool.options, options) as Parameters<typeof deepfool.run>[1],
  );
  const values = Float32Array.from(await output.images.data());
  tf.dispose([images, output.images]);
  return { values, iterations: [...output.iterations] };
}

beforeAll(() => openBackend('cpu', { log: () => undefined, warn: () => undefined }));

/*
 * One pixel x, two layers with ReLU between them, three classes. Around x = (0.5, 0.5, 0.5) the ReLUs are open:
 *
 *   h₁ = 3x₀, h₂ = 4x₁, h₃ = x₂       z₀ = h₁ + h₂ − 2.5,  z₁ = 0,  z₂ = 2h₃ − 1.5
 *
 * so z = (1, 0, −0.5). Class 1: gap 1, w = −(3, 4, 0), distance 1/5 = 0.2. Class 2: gap 1.5, w = (−3, −4, 2),
 * distance 1.5/√29 = 0.279. The step goes to class 1: (0.2 + 1e-4)·(−0.6, −0.8, 0), and 1 + overshoot times that.
 */
const NETWORK = {
  size: [1, 1] as const,
  classes: 3,
  logits: (images: tf.Tensor4D): tf.Tensor2D => {
    const hidden = tf.relu(
      tf.matMul(tf.reshape<tf.Rank.R2>(images, [-1, 3]), tf.tensor2d([3, 0, 0, 0, 4, 0, 0, 0, 1], [3, 3])),
    );
    const weights = tf.tensor2d([1, 0, 0, 1, 0, 0, 0, 0, 2], [3, 3]);
    return tf.add(tf.matMul(hidden, weights), tf.tensor1d([-2.5, 0, -1.5]));
  },
};
const GREY = Float32Array.of(0.5, 0.5, 0.5);

describe('deepfool on two layers worked out by hand', () => {
  test.each([0.02, 0.5])('one step to the nearer boundary and %d beyond', async (overshoot) => {
    const { values, iterations } = await attack(NETWORK, GREY, [0], { overshoot });
    const length = (1 + overshoot) * (0.2 + 1e-4);
    expect(iterations).toEqual([1]);
    [0.5 - 0.6 * length, 0.5 - 0.8 * length, 0.5].forEach((value, k) => expect(values[k]).toBeCloseTo(value, 5));
  });

  // Class 1: 1/7 = 0.143 in linf, class 2: 1.5/9 = 0.167. Every pixel that counts moves alike.
  test('in linf one step along the signs', async () => {
    const { values, iterations } = await attack(NETWORK, GREY, [0], { norm: 'linf' });
    const length = 1.02 * (1 / 7 + 1e-4);
    expect(iterations).toEqual([1]);
    [0.5 - length, 0.5 - length, 0.5].forEach((value, k) => expect(values[k]).toBeCloseTo(value, 5));
  });

  test('an image that is wrong already stays as it is, at no iteration', async () => {
    const { values, iterations } = await attack(NETWORK, Float32Array.of(...GREY, ...GREY), [1, 0]);
    expect([...values.subarray(0, 3)]).toEqual([...GREY]);
    expect(values[3]).toBeLessThan(0.4);
    expect(iterations).toEqual([0, 1]);
  });

  test('NaN of one image leaves it as it is and the others untouched', async () => {
    const alone = await attack(NETWORK, GREY, [0]);
    const nan = { ...NETWORK, logits: (x: tf.Tensor4D) => nanWhereRed(NETWORK.logits(x), x) };
    const { values } = await attack(nan, Float32Array.of(0.9, 0.5, 0.5, ...GREY), [0, 0]);
    [0.9, 0.5, 0.5].forEach((value, k) => expect(values[k]).toBeCloseTo(value, 6));
    expect([...values.subarray(3)]).toEqual([...alone.values]);
  });
});

/** NaN logits where the red of the first pixel is above 0.8. */
function nanWhereRed(logits: tf.Tensor2D, images: tf.Tensor4D): tf.Tensor2D {
  const red = tf.reshape(tf.slice(images, [0, 0, 0, 0], [-1, 1, 1, 1]), [-1, 1]);
  const dark = tf.step(tf.sub(0.8, red));
  return tf.mul(logits, tf.div(dark, dark));
}

test('stays in [0, 1] and fools a smooth network, whatever the images', async () => {
  const model = tinyModel({ size: 4 });
  const network = { size: [4, 4] as const, classes: model.classes, logits: (x: tf.Tensor4D) => model.logits(x) };
  const predict = (pixels: Float32Array) =>
    tf.tidy(() => [...tf.argMax(model.logits(tf.tensor4d(pixels, [3, 4, 4, 3])), 1).dataSync()]);
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 0, max: 1e6 }),
      fc.double({ min: 0.01, max: 2, noNaN: true }),
      async (seed, overshoot) => {
        const pixels = drawnPixels(3, { height: 4, width: 4 }, seed);
        const labels = predict(pixels);
        const { values } = await attack(network, pixels, labels, { overshoot });
        expect(values.every((value) => value >= 0 && value <= 1)).toBe(true);
        predict(values).forEach((label, i) => expect(label).not.toBe(labels[i]));
      },
    ),
    { numRuns: 10, seed: new Random('deepfool').uint32() },
  );
  model.dispose();
});

test.each([
  ['foolbox L2DeepFool', {}],
  ['foolbox L2DeepFool, 3 candidates', { candidates: 3, overshoot: 0.1 }],
  ['foolbox LinfDeepFool', { norm: 'linf' }],
] as const)('%s: the same distances', async (name, options) => {
  const { l2, labels, verdicts } = await attackFormula(deepfool, options);
  expect([...labels]).toEqual(recorded.labels);
  verdicts.forEach((verdict, i) => expect(verdict).not.toBe(labels[i]));
  recorded.l2[name].forEach((norm, i) => expect(l2[i]).toBeCloseTo(norm, 5));
});
