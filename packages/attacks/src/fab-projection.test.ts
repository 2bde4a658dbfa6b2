import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { lengthOf, project } from './fab-projection.js';

const points = fc.integer({ min: 1, max: 12 }).chain((length) =>
  fc.record({
    x: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: length, maxLength: length }),
    normal: fc.array(fc.integer({ min: -9, max: 9 }), { minLength: length, maxLength: length }),
    gap: fc.double({ min: -20, max: 20, noNaN: true }).filter((gap) => Math.abs(gap) > 1e-6),
  }),
);

/** The root by bisection over t: slow, and made of the definition alone. */
function byBisection(x: Float32Array, normal: Float32Array, gap: number, norm: 'linf' | 'l2'): number[] {
  const at = (t: number) =>
    Array.from(x, (value, i) => {
      const step = Math.sign(gap) * (norm === 'linf' ? Math.sign(normal[i]!) : normal[i]!) * t;
      return Math.min(1, Math.max(0, value + step)) - value;
    });
  const reached = (t: number) => at(t).reduce((sum, d, i) => sum + d * normal[i]! * Math.sign(gap), 0);
  let [low, high] = [0, 1e3];
  for (let i = 0; i < 200; i++) {
    const middle = (low + high) / 2;
    if (reached(middle) < Math.abs(gap)) low = middle;
    else high = middle;
  }
  return at(high);
}

describe('the projection onto a hyperplane within the box', () => {
  test('by hand: one pixel stops at the wall, the others go on', () => {
    const x = Float32Array.of(0.75, 0.5, 0.5);
    const normal = Float32Array.of(1, 1, -1);
    // 0.25 + t + t = 0.85.
    const linf = project(x, { normal, gap: 0.85, norm: 'linf' });
    [0.25, 0.3, -0.3].forEach((value, i) => expect(linf[i]).toBeCloseTo(value, 12));
    // ⟨w, t·w⟩ = 5t with w = (1, 2, 0).
    const l2 = project(x, { normal: Float32Array.of(1, 2, 0), gap: -0.5, norm: 'l2' });
    [-0.1, -0.2, 0].forEach((value, i) => expect(l2[i]).toBeCloseTo(value, 12));
    // 2 · 0.5 from the value of weight 2, the rest from the first of the two of weight 1, and then the second.
    const weights = Float32Array.of(1, -2, 1);
    const l1 = (gap: number) => [...project(Float32Array.of(0.75, 0.5, 0.5), { normal: weights, gap, norm: 'l1' })];
    [0.1, -0.5, 0].forEach((value, i) => expect(l1(1.1)[i]).toBeCloseTo(value, 12));
    [0.25, -0.5, 0.15].forEach((value, i) => expect(l1(1.4)[i]).toBeCloseTo(value, 12));
    [0.25, -0.5, 0.5].forEach((value, i) => expect(l1(9)[i]).toBeCloseTo(value, 12));
  });

  test.each(['linf', 'l2'] as const)('%s: is the point that bisection finds, in the box', (norm) => {
    fc.assert(
      fc.property(points, ({ x, normal, gap }) => {
        const [from, w] = [Float32Array.from(x), Float32Array.from(normal)];
        const change = project(from, { normal: w, gap, norm });
        const expected = byBisection(from, w, gap, norm);
        const room = w.reduce((sum, v, i) => sum + Math.abs(v) * (v * gap > 0 ? 1 - from[i]! : from[i]!), 0);
        change.forEach((value, i) => {
          expect(from[i]! + value).toBeGreaterThanOrEqual(-1e-12);
          expect(from[i]! + value).toBeLessThanOrEqual(1 + 1e-12);
          if (w[i] !== 0) expect(value).toBeCloseTo(expected[i]!, 6);
          else expect(value).toBe(0);
        });
        const reached = change.reduce((sum, value, i) => sum + value * w[i]!, 0);
        expect(reached).toBeCloseTo(Math.sign(gap) * Math.min(Math.abs(gap), room), 6);
      }),
    );
  });

  test('l1: reaches the plane or the last of the room, in the box', () => {
    fc.assert(
      fc.property(points, ({ x, normal, gap }) => {
        const [from, w] = [Float32Array.from(x), Float32Array.from(normal)];
        const change = project(from, { normal: w, gap, norm: 'l1' });
        const room = w.reduce((sum, v, i) => sum + Math.abs(v) * (v * gap > 0 ? 1 - from[i]! : from[i]!), 0);
        change.forEach((value, i) => expect(Math.abs(from[i]! + value - 0.5)).toBeLessThanOrEqual(0.5 + 1e-12));
        const reached = change.reduce((sum, value, i) => sum + value * w[i]!, 0);
        expect(reached).toBeCloseTo(Math.sign(gap) * Math.min(Math.abs(gap), room), 6);
      }),
    );
  });

  test.each(['linf', 'l2', 'l1'] as const)('%s: no other point of plane and box is nearer', (norm) => {
    fc.assert(
      fc.property(
        points,
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 12, maxLength: 12 }),
        (point, z) => {
          const [from, w] = [Float32Array.from(point.x), Float32Array.from(point.normal)];
          // A plane through z, which is therefore a rival.
          const rival = from.map((value, i) => z[i]! - value);
          const gap = rival.reduce((sum, value, i) => sum + value * w[i]!, 0);
          const change = project(from, { normal: w, gap, norm });
          expect(lengthOf(change, norm)).toBeLessThanOrEqual(lengthOf(rival, norm) + 1e-5);
        },
      ),
    );
  });

  test('no gap, a flat plane and a gap that is no number change nothing', () => {
    const x = Float32Array.of(0.5, 0.5);
    const still = (normal: number[], gap: number) => {
      for (const norm of ['linf', 'l2', 'l1'] as const)
        expect([...project(x, { normal: Float32Array.from(normal), gap, norm })]).toEqual([0, 0]);
    };
    still([1, 1], 0);
    still([0, 0], 1);
    still([1, 1], NaN);
  });
});
