import { Random, openBackend, type AttackPlugin, type TargetModel } from '@shield/core';
import { attackConformance, drawnPixels, tinyModel } from '@shield/core/testing';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import fgsm from './fgsm.js';
import iFgsm from './i-fgsm.js';

describe('i_fgsm conforms', () => {
  const cases = attackConformance(iFgsm, {
    options: { eps: 8 },
    variations: {
      eps: [{ eps: 1.5 }],
      step_size: [{ step_size: 2 }],
      steps: [{ steps: 2 }],
      early_stop: [{ early_stop: false }],
    },
    bound: ({ eps }) => Number(eps) / 255,
  });
  for (const { name, run } of cases) test(name, run);
});

describe('i_fgsm', () => {
  beforeAll(() => openBackend('cpu', { log: () => undefined, warn: () => undefined }));

  /** The images that an attack makes of four drawn ones, and the labels that the model gives to those. */
  async function attacked(plugin: AttackPlugin, options: Record<string, unknown>) {
    const model = tinyModel();
    const images = tf.tensor4d(drawnPixels(4, model.inputSize), [4, 8, 8, 3]);
    const labels = Int32Array.from(tf.tidy(() => tf.argMax(model.logits(images), 1).dataSync()));
    const target: TargetModel = {
      ...model,
      compile:
        (_name, _cost, fn) =>
        (_rows, ...inputs) =>
          tf.tidy(() => fn(...inputs)),
    };
    const output = await plugin.run(
      {
        model: target,
        images,
        labels,
        ids: ['a', 'b', 'c', 'd'],
        random: (i) => new Random(i),
        checkpoint: () => Promise.resolve(),
      },
      options as never,
    );
    const [pixels, clean] = [await output.images.data(), await images.data()];
    const verdicts = tf.tidy(() => Int32Array.from(tf.argMax(model.logits(output.images), 1).dataSync()));
    tf.dispose([images, output.images]);
    model.dispose();
    return { pixels, clean, labels, verdicts, iterations: output.iterations };
  }

  test('one step of the whole eps is FGSM', async () => {
    const one = await attacked(iFgsm, { eps: 3, step_size: 3, steps: 1, early_stop: false });
    const other = await attacked(fgsm, { eps: 3 });
    one.pixels.forEach((value, k) => expect(value).toBeCloseTo(other.pixels[k]!, 6));
  });

  test('early_stop: changes no verdict, and takes no more steps than are needed', async () => {
    const options = { eps: 20, step_size: 1, steps: 20 };
    const early = await attacked(iFgsm, { ...options, early_stop: true });
    const all = await attacked(iFgsm, { ...options, early_stop: false });
    expect([...all.iterations]).toEqual([20, 20, 20, 20]);
    expect(Math.max(...early.iterations)).toBeLessThan(20);
    for (const { verdicts, labels } of [early, all]) verdicts.forEach((v, i) => expect(v).not.toBe(labels[i]));
    // k steps of one level: no pixel has moved further.
    early.iterations.forEach((steps, i) => {
      for (let k = i * 192; k < (i + 1) * 192; k++) {
        expect(Math.abs(early.pixels[k]! - early.clean[k]!)).toBeLessThanOrEqual(steps / 255 + 1e-6);
      }
    });
  });
});
