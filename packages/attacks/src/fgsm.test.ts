import { openBackend, type AttackInput } from '@shield/core';
import { attackConformance } from '@shield/core/testing';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import fgsm from './fgsm.js';

describe('fgsm conforms', () => {
  const bound = ({ eps }: Record<string, unknown>) => Number(eps) / 255;
  for (const { name, run } of attackConformance(fgsm, { variations: { eps: [{ eps: 2 }] }, bound })) test(name, run);
});

/*
 * Two dense layers with ReLU between them over the first pixel x of a 1×2 image; the second is not looked at.
 *
 *   h₁ =  x₀ −  x₁ + 2.0 x₂          z₀ =  h₁ −   h₂
 *   h₂ = −x₀ + 2x₁ + 0.5 x₂          z₁ = −h₁ + 2 h₂
 *   h₃ = −x₀ −  x₁ −     x₂  (never above 0: adds nothing to either)
 *
 * At x = (0.2, 0.5, 0.9): h = (1.5, 1.25, 0), z = (0.25, 1), so the model says 1. With p₀ = 1 / (1 + e^0.75) the
 * gradient of the cross-entropy of class 1 is (p₀, −p₀) on z, (2p₀, −3p₀, ·) on h, and on x
 *
 *   (1·2 + (−1)·(−3), −1·2 + 2·(−3), 2·2 + 0.5·(−3)) · p₀ = (5, −8, 2.5) · p₀: signs (+, −, +).
 */
const IMAGE = [0.2, 0.5, 0.9, 0.1, 0.6, 1];

function logits(images: tf.Tensor4D): tf.Tensor2D {
  const x = tf.slice(tf.reshape<tf.Rank.R2>(images, [-1, 6]), [0, 0], [-1, 3]);
  const hidden = tf.relu(tf.matMul(x, tf.tensor2d([1, -1, -1, -1, 2, -1, 2, 0.5, -1], [3, 3])));
  return tf.matMul(hidden, tf.tensor2d([1, -1, -1, 2, 7, -7], [3, 2]));
}

async function attack(eps: number, labels: readonly number[], targets?: readonly number[]): Promise<number[][]> {
  const n = labels.length;
  const images = tf.tensor4d(Array.from({ length: n }, () => IMAGE).flat(), [n, 1, 2, 3]);
  const input: AttackInput = {
    model: {
      inputSize: { height: 1, width: 2 },
      classes: 2,
      logits,
      compile:
        (_name, _cost, fn) =>
        (_rows, ...inputs) =>
          tf.tidy(() => fn(...inputs)),
    },
    images,
    labels: Int32Array.from(labels),
    ...(targets ? { targets: Int32Array.from(targets) } : {}),
    ids: labels.map(String),
    random: () => {
      throw new Error('fgsm draws nothing');
    },
    checkpoint: async () => undefined,
  };
  const output = await fgsm.run(input, { eps });
  expect([...output.iterations]).toEqual(labels.map(() => 1));
  const rows = await tf.reshape<tf.Rank.R2>(output.images, [n, 6]).array();
  tf.dispose([images, output.images]);
  return rows;
}

function expectPixels(rows: readonly (readonly number[])[], expected: readonly (readonly number[])[]): void {
  expect(rows).toHaveLength(expected.length);
  rows.forEach((row, i) =>
    row.forEach((value, k) => expect(value, `image ${i}, sample ${k}`).toBeCloseTo(expected[i]![k]!, 6)),
  );
}

describe('fgsm on two layers worked out by hand', () => {
  beforeAll(() => openBackend('cpu', { log: () => undefined, warn: () => undefined }));
  const rest = IMAGE.slice(3);

  test('a step of eps up the loss of the label; a pixel that the model does not look at stays', async () => {
    expectPixels(await attack(12.75, [1]), [[0.25, 0.45, 0.95, ...rest]]);
  });

  test('ends at 0 and at 1', async () => {
    expectPixels(await attack(51, [1]), [[0.4, 0.3, 1, ...rest]]);
    expectPixels(await attack(153, [1]), [[0.8, 0, 1, ...rest]]);
    expectPixels(await attack(255, [1]), [[1, 0, 1, ...rest]]);
  });

  test('towards a target it goes down the loss of the target', async () => {
    expectPixels(await attack(12.75, [1], [0]), [[0.25, 0.45, 0.95, ...rest]]);
    expectPixels(await attack(12.75, [0], [1]), [[0.15, 0.55, 0.85, ...rest]]);
  });

  test('each image of a batch by its own label', async () => {
    expectPixels(await attack(12.75, [1, 0, 1]), [
      [0.25, 0.45, 0.95, ...rest],
      [0.15, 0.55, 0.85, ...rest],
      [0.25, 0.45, 0.95, ...rest],
    ]);
  });
});
