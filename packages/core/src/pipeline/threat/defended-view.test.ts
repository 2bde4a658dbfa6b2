import { writeFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Type } from '@sinclair/typebox';
import * as tf from '@tensorflow/tfjs-core';
import type { Tensor4D } from '@tensorflow/tfjs-core';
import { afterAll, describe, expect, it } from 'vitest';
import { openBackend } from '../../backend/open-backend.js';
import { defineDefense, type DefensePlugin } from '../../plugin/define.js';
import { drawnGradient } from '../../plugin/drawn-gradient.js';
import { PluginRegistry } from '../../plugin/registry.js';
import { Random } from '../../random/random.js';
import { loadPlugins } from '../../spec/load-plugins.js';
import { drawnPixels, tinyModel } from '../../testing/tiny-model.js';
import type { DefenseSetting } from '../apply-defense.js';
import { DefendedView } from './defended-view.js';

const backend = await openBackend('cpu', { log: () => undefined, warn: () => undefined });
const folder = mkdtempSync(join(tmpdir(), 'shield-defended-'));
afterAll(() => rmSync(folder, { recursive: true }));

const model = tinyModel();
const SIZE = { height: 8, width: 8 };
const LENGTH = 192;
const pixels = drawnPixels(4, SIZE);
const setting: DefenseSetting = {
  model,
  spec: { handover: 'round', seed: 5 },
  preprocess: { resize: 'stretch', interpolation: 'bilinear', crop: 1, idct: 'islow' },
};

/** Halves the contrast: its true gradient is one half, straight through it is one. */
const halve = defineDefense({
  name: 'halve',
  summary: 'half the contrast',
  takes: 'floats',
  random: false,
  gradient: (images) => tf.add<Tensor4D>(tf.mul(images, 0.5), 0.25),
  options: Type.Object({}),
  apply: ({ data, height, width }) => ({
    data: Float32Array.from(data, (value) => 0.25 + 0.5 * value),
    height,
    width,
  }),
});

/** Adds a shift drawn for each image. */
const shift = defineDefense({
  name: 'shift',
  summary: 'a drawn shift',
  takes: 'floats',
  random: true,
  gradient: 'straight-through',
  options: Type.Object({}),
  apply: ({ data, height, width }, _options, random) => {
    const by = 0.2 * random.uniform();
    return { data: Float32Array.from(data, (value) => 0.8 * value + by), height, width };
  },
});

/** Scales by a factor drawn for each image, and says so in its gradient, with the draws apart. */
const scale = (apart: boolean) => {
  const factor = (random: Random) => 0.5 + 0.5 * random.uniform();
  const gradient = drawnGradient<object>({
    draws: (_size, randoms) => [tf.tensor4d(randoms.map(factor), [randoms.length, 1, 1, 1])],
    through: (images, [factors]) => tf.mul(images, factors!),
  });
  return defineDefense({
    name: 'scale',
    summary: 'a drawn factor',
    takes: 'floats',
    random: true,
    gradient: apart ? gradient : (images, randoms, options) => gradient(images, randoms, options),
    options: Type.Object({}),
    apply: ({ data, height, width }, _options, random) => {
      const by = factor(random);
      return { data: Float32Array.from(data, (value) => by * value), height, width };
    },
  });
};

interface ViewSettings {
  readonly eot?: number;
  readonly gradient?: 'own' | 'straight-through';
  readonly capture?: boolean;
}

function viewOf(plugin: DefensePlugin, more: ViewSettings = {}) {
  const { eot = 1, gradient = 'own', capture = false } = more;
  const defense = { name: plugin.name, steps: [{ name: plugin.name, plugin, options: {} }] };
  return new DefendedView({ model, backend, capture, defense, eot, gradient, setting });
}

/** Logits and the gradient of their weighted sum for images by their number, as one call sees them. */
function look(view: DefendedView, images: readonly number[], calls = 1) {
  view.begin(images.map((i) => `image ${i}`));
  view.onRows(images.map((_, row) => row));
  const input = Float32Array.from(images.flatMap((i) => Array.from(pixels.subarray(i * LENGTH, (i + 1) * LENGTH))));
  return Array.from({ length: calls }, () =>
    tf.tidy(() => {
      const x = tf.tensor4d(input, [images.length, 8, 8, 3]);
      let logits: number[][] = [];
      const gradient = tf.grad((images) => {
        const value = view.logits(images as Tensor4D);
        logits = value.arraySync();
        return tf.sum(tf.mul(value, tf.tensor1d([1, -2, 3, 0.5, -1])));
      })(x);
      return { logits, gradient: gradient.reshape([images.length, LENGTH]).arraySync() as number[][] };
    }),
  ).at(-1)!;
}

function direct(images: Float32Array): { logits: number[]; gradient: number[] } {
  return tf.tidy(() => {
    const x = tf.tensor4d(images, [1, 8, 8, 3]);
    const objective = (input: tf.Tensor) =>
      tf.sum(tf.mul(model.logits(input as Tensor4D), tf.tensor1d([1, -2, 3, 0.5, -1])));
    return {
      logits: Array.from(model.logits(x).dataSync()),
      gradient: Array.from(tf.grad(objective)(x).dataSync()),
    };
  });
}

const near = (got: readonly number[], expected: readonly number[], factor = 1) =>
  expected.forEach((value, k) => expect(got[k]).toBeCloseTo(factor * value, 5));

const first = pixels.subarray(0, LENGTH);
const halved = direct(Float32Array.from(first, (value) => 0.25 + 0.5 * value));

describe('the model behind a defense', () => {
  it('forward: what the model says of the defended image', () =>
    near(look(viewOf(halve), [0]).logits[0]!, halved.logits));

  it('straight through: the gradient at the defended image', () =>
    near(look(viewOf(halve, { gradient: 'straight-through' }), [0]).gradient[0]!, halved.gradient));

  it('own: through the function of the defense', () =>
    near(look(viewOf(halve), [0]).gradient[0]!, halved.gradient, 0.5));

  it('outside of [0, 1]: what the defense makes of the nearest image, and the way back straight through that', () => {
    const beyond = first.map((value, k) => (k % 3 === 0 ? -0.1 : k % 3 === 1 ? 1.1 : value));
    const within = direct(beyond.map((value) => 0.25 + 0.5 * Math.min(1, Math.max(0, value))));
    const view = viewOf(halve);
    view.begin(['image 0']);
    view.onRows([0]);
    tf.tidy(() => {
      const x = tf.tensor4d(beyond, [1, 8, 8, 3]);
      const weighed = (images: tf.Tensor) =>
        tf.sum(tf.mul(view.logits(images as Tensor4D), tf.tensor1d([1, -2, 3, 0.5, -1])));
      near(Array.from(tf.grad(weighed)(x).dataSync()), within.gradient, 0.5);
      near(Array.from(view.logits(x).dataSync()), within.logits);
    });
  });

  it('EOT: the mean over draws, which belong to the image and the call, not to the batch', () => {
    const eot = 3;
    const calls = 2;
    const draws = [3, 4, 5].map((draw) => {
      const by = 0.2 * new Random(5, 'adaptive', 'shift', 'image 1', draw).uniform();
      return direct(Float32Array.from(pixels.subarray(LENGTH, 2 * LENGTH), (value) => 0.8 * value + by));
    });
    const mean = (of: 'logits' | 'gradient') =>
      draws[0]![of].map((_, k) => draws.reduce((sum, draw) => sum + draw[of][k]!, 0) / eot);
    for (const images of [[1], [0, 1, 2, 3], [3, 1]]) {
      const at = images.indexOf(1);
      const { logits, gradient } = look(viewOf(shift, { eot }), images, calls);
      near(logits[at]!, mean('logits'));
      near(gradient[at]!, mean('gradient'));
    }
  });

  it('own, as a graph: draws that stand apart are those of each image and call, as without a graph', () => {
    const eager = look(viewOf(scale(false), { eot: 2 }), [0, 2, 1], 2);
    const graph = look(viewOf(scale(true), { eot: 2, capture: true }), [0, 2, 1], 2);
    graph.gradient.forEach((each, i) => near(each, eager.gradient[i]!));
    near(look(viewOf(scale(true), { eot: 2, capture: true }), [2], 2).gradient[0]!, eager.gradient[1]!);
    // Another call has other draws.
    const before = look(viewOf(scale(true), { eot: 2, capture: true }), [0, 2, 1], 1);
    expect(before.gradient[0]!.some((value, k) => Math.abs(value - eager.gradient[0]![k]!) > 1e-4)).toBe(true);
  });

  it('passes: forward and back for every draw', () => {
    expect(viewOf(shift, { eot: 4 }).costOf({ forwards: 1, gradients: 2 })).toEqual({ forwards: 12, gradients: 8 });
    expect(viewOf(halve, { eot: 4 }).costOf({ forwards: 1, gradients: 2 })).toEqual({ forwards: 3, gradients: 2 });
  });

  it('leaves no tensors behind', () => {
    const view = viewOf(shift, { eot: 2 });
    look(view, [0, 1]);
    const before = tf.memory().numTensors;
    look(view, [0, 1]);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('a defense that works in the background is waited for', async () => {
    const file = join(folder, 'later.ts');
    writeFileSync(
      file,
      `import { defineDefense } from '@shield/core';
import { Type } from '@sinclair/typebox';
export default defineDefense({
  name: 'later', summary: 'darker, after a while', takes: 'floats', random: true, gradient: 'straight-through',
  options: Type.Object({}),
  apply: async (image: { data: Float32Array; height: number; width: number }, _options, random) => {
    await new Promise((done) => setTimeout(done, 5));
    const by = random.uniform();
    return { ...image, data: image.data.map((value) => value * by) };
  },
});
`,
    );
    const registry = new PluginRegistry();
    await loadPlugins([file], folder, registry);
    const { logits } = look(viewOf(registry.get('defense', 'later')), [2]);
    const by = new Random(5, 'adaptive', 'later', 'image 2', 0).uniform();
    near(logits[0]!, direct(pixels.slice(2 * LENGTH, 3 * LENGTH).map((value) => value * by)).logits);
  });
});
