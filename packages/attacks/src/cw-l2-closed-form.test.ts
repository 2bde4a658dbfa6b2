import { Random, openBackend, type AttackInput } from '@shield/core';
import { Value } from '@sinclair/typebox/value';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import cwL2 from './cw-l2.js';

/*
 * A linear classifier, for which the smallest change is known: for each other class the projection on the half-space
 * where that class wins, within the box.
 */

const SIDE = 6;
const LENGTH = SIDE * SIDE * 3;
const CLASSES = 4;
const IMAGES = 8;

const draw = (name: string, length: number, value: (random: Random) => number) => {
  const random = new Random('cw-l2-closed-form', name);
  return Float32Array.from({ length }, () => value(random));
};
const WEIGHTS = draw('weights', LENGTH * CLASSES, (random) => random.normal());
const logitsOf = (x: ArrayLike<number>) =>
  Array.from({ length: CLASSES }, (_, c) =>
    Array.from(x).reduce((sum, value, k) => sum + (value - 0.5) * WEIGHTS[k * CLASSES + c]!, 0),
  );
const argmax = (values: readonly number[]) => values.indexOf(Math.max(...values));

/** Images that stay clear of 0 and 1, and images whose pixels mostly are 0 or 1. */
const SETS = {
  'in the middle of the box': draw('middle', IMAGES * LENGTH, (random) => 0.35 + 0.3 * random.uniform()),
  'at its walls': draw('walls', IMAGES * LENGTH, (random) => Math.min(1, Math.max(0, 0.5 + 0.6 * random.normal()))),
};

/** ‖x' − x‖₂ of the nearest x' in the box where class `to` is above class `from` by `confidence`. */
function nearest(x: Float32Array, from: number, to: number, confidence: number): { l2: number; image: Float32Array } {
  const at = (step: number) =>
    x.map((value, k) =>
      Math.min(1, Math.max(0, value + step * (WEIGHTS[k * CLASSES + to]! - WEIGHTS[k * CLASSES + from]!))),
    );
  const short = (step: number) => {
    const z = logitsOf(at(step));
    return z[to]! - z[from]! < confidence;
  };
  let [low, high] = [0, 1];
  while (short(high)) high *= 2;
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (short(middle)) low = middle;
    else high = middle;
  }
  const image = at(high);
  return { l2: norm(x, image), image };
}

const norm = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Math.sqrt(Array.from(a).reduce((sum, value, k) => sum + (value - b[k]!) ** 2, 0));

interface Result {
  readonly l2: number[];
  /** The class to reach (or the best other one) above the one to get away from. */
  readonly gap: number[];
  readonly iterations: number[];
}

async function attack(
  pixels: Float32Array,
  options: Record<string, unknown>,
  targets?: readonly number[],
): Promise<Result> {
  const weights = tf.tensor2d(WEIGHTS, [LENGTH, CLASSES]);
  const images = tf.tensor4d(pixels, [IMAGES, SIDE, SIDE, 3]);
  const rows = Array.from({ length: IMAGES }, (_, i) => pixels.subarray(i * LENGTH, (i + 1) * LENGTH));
  const labels = rows.map((row) => argmax(logitsOf(row)));
  const model: AttackInput['model'] = {
    inputSize: { height: SIDE, width: SIDE },
    classes: CLASSES,
    logits: (x) => tf.matMul(tf.sub(tf.reshape<tf.Rank.R2>(x, [-1, LENGTH]), 0.5), weights),
    compile:
      (_name, _cost, fn) =>
      (_rows, ...inputs) =>
        tf.tidy(() => fn(...inputs)),
  };
  const output = await cwL2.run(
    {
      model,
      images,
      labels: Int32Array.from(labels),
      ...(targets ? { targets: Int32Array.from(targets) } : {}),
      ids: labels.map((_, i) => `image ${i}`),
      random: () => {
        throw new Error('cw_l2 draws nothing');
      },
      checkpoint: async () => undefined,
    },
    Value.Default(cwL2.options, options) as Parameters<typeof cwL2.run>[1],
  );
  const values = await output.images.data();
  tf.dispose([weights, images, output.images]);
  const attacked = rows.map((_, i) => values.slice(i * LENGTH, (i + 1) * LENGTH));
  return {
    l2: attacked.map((image, i) => norm(image, rows[i]!)),
    gap: attacked.map((image, i) => {
      const z = logitsOf(image);
      const goal = targets?.[i];
      const others = z.filter((_, c) => c !== (goal ?? labels[i]));
      return goal === undefined ? Math.max(...others) - z[labels[i]!]! : z[goal]! - Math.max(...others);
    }),
    iterations: [...output.iterations],
  };
}

function untargeted(pixels: Float32Array, confidence: number): number[] {
  return Array.from({ length: IMAGES }, (_, i) => {
    const x = pixels.subarray(i * LENGTH, (i + 1) * LENGTH);
    const label = argmax(logitsOf(x));
    const others = Array.from({ length: CLASSES }, (_, c) => c).filter((c) => c !== label);
    return Math.min(...others.map((c) => nearest(x, label, c, confidence).l2));
  });
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const ratios = (got: Result, best: readonly number[]) => got.l2.map((l2, i) => l2 / best[i]!);

const CLASSIC = {
  search_steps: 9,
  max_iterations: 100,
  initial_constant: 0.01,
  learning_rate: 0.01,
  schedule: 'constant',
  early_stop: false,
  warm_start: false,
};

beforeAll(() => openBackend('cpu', { log: () => undefined, warn: () => undefined }));

describe.each(Object.entries(SETS))('cw_l2 against a linear classifier, images %s', (where, pixels) => {
  test.each([0, 3])(
    'with confidence %d: wrong by that much, at the smallest distance within a few percent',
    async (confidence) => {
      const best = untargeted(pixels, confidence);
      const got = await attack(pixels, { confidence });
      for (const gap of got.gap) expect(gap).toBeGreaterThanOrEqual(confidence);
      // Not below what is possible, and where another class is nearly as near, that one may be found.
      for (const ratio of ratios(got, best)) expect(ratio).toBeGreaterThan(0.9999);
      for (const ratio of ratios(got, best)) expect(ratio).toBeLessThan(1.2);
      expect(mean(ratios(got, best))).toBeLessThan(1.05);
      expect(got.iterations.every((count) => count <= 40)).toBe(true);
    },
  );

  test("the paper's schedule: as near, but for pixels at 0 and 1, which tanh space holds back", async () => {
    const best = untargeted(pixels, 0);
    const got = await attack(pixels, CLASSIC);
    for (const gap of got.gap) expect(gap).toBeGreaterThan(0);
    for (const ratio of ratios(got, best)) expect(ratio).toBeGreaterThan(0.9999);
    expect(mean(ratios(got, best))).toBeLessThan(where === 'at its walls' ? 1.25 : 1.03);
    expect(got.iterations).toEqual(got.iterations.map(() => 900));
  });

  test.each([
    ['in one descent', {}],
    ['by bisection', { search_steps: 6, learning_rate: 0.01, max_iterations: 60 }],
  ])('targeted %s: the class that is named, at the smallest distance within a tenth', async (_, options) => {
    const rows = Array.from({ length: IMAGES }, (_, i) => pixels.subarray(i * LENGTH, (i + 1) * LENGTH));
    const labels = rows.map((row) => argmax(logitsOf(row)));
    const targets = labels.map((label, i) => (label + 1 + (i % (CLASSES - 1))) % CLASSES);
    const got = await attack(pixels, options, targets);
    for (const gap of got.gap) expect(gap).toBeGreaterThan(0);
    const alone = rows.flatMap((row, i) => {
      const { l2, image } = nearest(row, labels[i]!, targets[i]!, 1e-6);
      expect(got.l2[i]!).toBeGreaterThan(0.9999 * l2);
      // Where no third class stands between, the half-space of the target alone counts.
      return argmax(logitsOf(image)) === targets[i] ? [got.l2[i]! / l2] : [];
    });
    expect(alone.length).toBeGreaterThan(0);
    if (where !== 'at its walls' || !('search_steps' in options)) expect(mean(alone)).toBeLessThan(1.1);
  });
});

describe('cw_l2', () => {
  const middle = SETS['in the middle of the box'];

  test.each([{ learning_rate: 0.01 }, { search_steps: 1, learning_rate: 0.01, initial_constant: 1 }])(
    'keeps the best image: more iterations never make it worse (%o)',
    async (options) => {
      const fixed = { ...options, schedule: 'constant', early_stop: false };
      let before: Result | undefined;
      let better = 0;
      for (const max_iterations of [5, 10, 20, 40, 80]) {
        const got = await attack(middle, { ...fixed, max_iterations });
        got.l2.forEach((l2, i) => {
          if (!before || before.gap[i]! <= 0) return;
          expect(got.gap[i]).toBeGreaterThan(0);
          expect(l2).toBeLessThanOrEqual(before.l2[i]! * (1 + 1e-6));
          if (l2 < before.l2[i]!) better++;
        });
        before = got;
      }
      expect(before!.gap.every((gap) => gap > 0)).toBe(true);
      expect(better).toBeGreaterThan(0);
    },
  );

  test('early_stop and patience save iterations and hardly any distance', async () => {
    const slow = { max_iterations: 100, schedule: 'constant' };
    const all = await attack(middle, { ...slow, early_stop: false });
    const stopped = await attack(middle, { ...slow, patience: 10 });
    const hasty = await attack(middle, { ...slow, patience: 2 });
    expect(all.iterations).toEqual(all.iterations.map(() => 100));
    expect(mean(stopped.iterations)).toBeLessThan(80);
    expect(mean(hasty.iterations)).toBeLessThan(mean(stopped.iterations));
    expect(mean(stopped.l2)).toBeLessThan(1.1 * mean(all.l2));
    for (const result of [all, stopped, hasty]) expect(result.gap.every((gap) => gap > 0)).toBe(true);
  });

  test('warm_start: a short search gets nearer', async () => {
    const short = { search_steps: 5, max_iterations: 15, initial_constant: 1, learning_rate: 0.01, early_stop: false };
    const warm = await attack(middle, { ...short, warm_start: true });
    const cold = await attack(middle, { ...short, warm_start: false });
    expect(warm.gap.every((gap) => gap > 0)).toBe(true);
    expect(mean(warm.l2)).toBeLessThan(mean(cold.l2));
  });

  test('a target that is reached already: nothing changes', async () => {
    const labels = Array.from({ length: IMAGES }, (_, i) =>
      argmax(logitsOf(middle.subarray(i * LENGTH, (i + 1) * LENGTH))),
    );
    const { l2 } = await attack(middle, {}, labels);
    for (const distance of l2) expect(distance).toBeLessThan(1e-6);
  });
});
