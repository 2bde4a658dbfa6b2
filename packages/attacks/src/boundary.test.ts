import { openBackend } from '@shield/core';
import { attackConformance } from '@shield/core/testing';
import * as tf from '@tensorflow/tfjs-core';
import type { Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import boundary from './boundary.js';
import { attackFormula, CLASSES, SIZE } from './testing/formula-network.js';

describe('boundary conforms', () => {
  const cases = attackConformance(boundary, {
    options: { steps: 40, check_every: 1, start_tries: 20, spherical_step: 0.05, source_step: 0.05 },
    variations: {
      steps: [{ steps: 5 }],
      start_tries: [{ start_tries: 1 }],
      spherical_step: [{ spherical_step: 0.2 }],
      source_step: [{ source_step: 0.2 }],
      step_adaptation: [{ step_adaptation: 4 }],
      check_every: [{ check_every: 10 }],
      convergence: [{ convergence: 1 }],
    },
  });
  for (const { name, run } of cases) test(name, run);
});

/** Says 0 while the mean of an image is below `limit`, whatever else it shows: the boundary is a plane. */
function meanBelow(limit: number) {
  return {
    inputSize: { height: SIZE, width: SIZE },
    classes: CLASSES,
    logits: (x: Tensor4D): Tensor2D =>
      tf.tidy(() => {
        const over = tf.expandDims(tf.mul(tf.sub(tf.mean(x, [1, 2, 3]), limit), 1000), 1);
        return tf.concat([tf.zerosLike(over), over, tf.fill([x.shape[0], CLASSES - 2], -1e3)], 1) as Tensor2D;
      }),
    compile:
      <I extends tf.Tensor[], O extends tf.Tensor[]>(_name: string, _cost: unknown, fn: (...inputs: I) => O) =>
      (_rows: ArrayLike<number>, ...inputs: I) =>
        tf.tidy(() => fn(...inputs)),
  };
}

describe('boundary', () => {
  beforeAll(() => openBackend('cpu', { log: () => undefined, warn: () => undefined }));
  const images = () => tf.fill<tf.Rank.R4>([2, SIZE, SIZE, 3], 0.4);

  test('comes near the nearest point of a plane', async () => {
    // From 0.4 everywhere to a mean of 0.45, by hand.
    const nearest = 0.05 * Math.sqrt(192);
    const x = images();
    const options = { steps: 600, check_every: 1, start_tries: 10, spherical_step: 0.1, source_step: 0.05 };
    const { pixels } = await attackFormula(boundary, options, 2, {
      model: meanBelow(0.45),
      images: x,
      labels: Int32Array.of(0, 0),
    });
    x.dispose();
    for (const image of [pixels.subarray(0, 192), pixels.subarray(192)]) {
      const changes = [...image].map((value) => value - Math.fround(0.4));
      const found = Math.hypot(...changes);
      expect(found).toBeGreaterThan(nearest * 0.999);
      expect(found).toBeLessThan(nearest * 1.4);
    }
  });

  test('an image for which no noise is wrong is given back as it is', async () => {
    const x = images();
    const { pixels, iterations } = await attackFormula(boundary, { start_tries: 5 }, 2, {
      model: meanBelow(0.99),
      images: x,
      labels: Int32Array.of(0, 0),
    });
    x.dispose();
    expect([...iterations]).toEqual([0, 0]);
    expect(pixels.every((value) => value === Math.fround(0.4))).toBe(true);
  });
});
