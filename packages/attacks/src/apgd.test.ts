import { Random, openBackend, type AttackPlugin, type TargetModel } from '@shield/core';
import { drawnPixels, tinyModel } from '@shield/core/testing';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import apgdCe from './apgd-ce.js';
import apgdDlr from './apgd-dlr.js';
import apgdT from './apgd-t.js';

describe('apgd', () => {
  beforeAll(() => openBackend('cpu', { log: () => undefined, warn: () => undefined }));

  /** Cross-entropy at and L2 norm of what an attack makes of six drawn images. */
  async function attacked(plugin: AttackPlugin, options: Record<string, unknown>, classes = 5) {
    const model = tinyModel({ classes });
    const images = tf.tensor4d(drawnPixels(6, model.inputSize), [6, 8, 8, 3]);
    const labels = Int32Array.from(tf.tidy(() => tf.argMax(model.logits(images), 1).dataSync()));
    const compile: TargetModel['compile'] =
      (_name, _cost, fn) =>
      (_rows, ...inputs) =>
        tf.tidy(() => fn(...inputs));
    try {
      const output = await plugin.run(
        {
          model: { ...model, compile },
          images,
          labels,
          ids: [...'abcdef'],
          random: (i, draw = 0) => new Random(i, draw),
          checkpoint: () => Promise.resolve(),
        },
        { norm: 'linf', rho: 0.75, restarts: 1, steps: 100, early_stop: false, targets: 4, ...options } as never,
      );
      const found = tf.tidy(() => {
        const losses = tf.neg(
          tf.sum(tf.mul(tf.logSoftmax(model.logits(output.images)), tf.oneHot(tf.tensor1d(labels), classes)), 1),
        );
        return {
          loss: [...losses.dataSync()],
          l2: [...tf.sqrt(tf.sum(tf.square(tf.sub(output.images, images)), [1, 2, 3])).dataSync()],
        };
      });
      output.images.dispose();
      return { ...found, iterations: [...output.iterations] };
    } finally {
      images.dispose();
      model.dispose();
    }
  }

  test('a hundred steps raise the loss further than three, and all are taken without early_stop', async () => {
    const [few, many] = [
      await attacked(apgdCe, { eps: 2, steps: 3, early_stop: false }),
      await attacked(apgdCe, { eps: 2, steps: 100, early_stop: false }),
    ];
    const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
    expect(sum(many.loss)).toBeGreaterThan(sum(few.loss));
    expect(many.iterations).toEqual([100, 100, 100, 100, 100, 100]);
  });

  test('l2: the change stays within eps and uses it up', async () => {
    const { l2 } = await attacked(apgdCe, { norm: 'l2', eps: 60 });
    for (const norm of l2) expect(norm).toBeLessThanOrEqual(60 / 255 + 1e-6);
    expect(Math.max(...l2)).toBeGreaterThan(59 / 255);
  });

  test('too few classes for a loss are an error that names them', async () => {
    await expect(attacked(apgdDlr, { eps: 4 }, 2)).rejects.toThrow(/ranks 3 logits, and the model has 2/);
    await expect(attacked(apgdT, { eps: 4 }, 3)).rejects.toThrow(/ranks 4 logits, and the model has 3/);
  });
});
