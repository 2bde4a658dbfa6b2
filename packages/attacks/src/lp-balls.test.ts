import * as tf from '@tensorflow/tfjs-core';
import { openBackend } from '@shield/core';
import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import { lengths, ontoBall, unit, type LpNorm } from './lp-balls.js';

beforeAll(() => openBackend('cpu', { log: () => undefined, warn: () => undefined }));

const project = (values: readonly number[], norm: LpNorm, radius: number) =>
  tf.tidy(() => [...ontoBall(tf.tensor4d([...values], [1, 2, 2, 3]), norm, radius).dataSync()]);
const lengthOf = (values: readonly number[], norm: LpNorm) =>
  tf.tidy(() => lengths(tf.tensor4d([...values], [1, 2, 2, 3]), norm).dataSync()[0]!);
const tuple = (range: number) =>
  fc.array(fc.float({ min: -range, max: range, noNaN: true }), { minLength: 12, maxLength: 12 });

test.each(['l1', 'l2', 'linf'] as const)('%s: no point of the ball is nearer', (norm) => {
  fc.assert(
    fc.property(tuple(1), tuple(1), fc.double({ min: 0.05, max: 3, noNaN: true }), (values, others, radius) => {
      const projected = project(values, norm, radius);
      expect(lengthOf(projected, norm)).toBeLessThanOrEqual(radius * (1 + 1e-5));
      // The obtuse angle that marks the nearest point of a convex set (the projection theorem).
      const inside = project(others, norm, radius);
      const angle = values.reduce((sum, v, k) => sum + (v - projected[k]!) * (inside[k]! - projected[k]!), 0);
      expect(angle).toBeLessThanOrEqual(1e-4);
      if (lengthOf(values, norm) <= radius) projected.forEach((value, k) => expect(value).toBeCloseTo(values[k]!, 6));
    }),
  );
});

test('l0: the largest values stay as they are, the others go', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.integer({ min: 1, max: 1000 }), { minLength: 12, maxLength: 12 }),
      fc.integer({ min: 1, max: 12 }),
      (sizes, count) => {
        const values = sizes.map((size, k) => (k % 2 === 0 ? size : -size) / 1000);
        const kept = [...sizes].sort((a, b) => b - a).slice(0, count);
        const expected = values.map((value, k) => (kept.includes(sizes[k]!) ? Math.fround(value) : 0));
        project(values, 'l0', count).forEach((value, k) => expect(value).toBeCloseTo(expected[k]!, 6));
      },
    ),
  );
});

test('unit: length one, and 0 stays 0', () => {
  tf.tidy(() => {
    const images = tf.tensor4d([3, 4, 0, 0, 0, 0], [2, 1, 1, 3]);
    expect([...unit(images).dataSync()].map((v) => Number(v.toFixed(6)))).toEqual([0.6, 0.8, 0, 0, 0, 0]);
  });
});
