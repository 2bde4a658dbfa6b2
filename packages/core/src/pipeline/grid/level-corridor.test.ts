import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { changeOf, levelCorridor, levelsAlong, nearestLevels, rangeOfSteps } from './level-corridor.js';

const LENGTH = 12;
const level = fc.integer({ min: 0, max: 255 });
const share = fc.double({ min: 0, max: 1, noNaN: true });
const floats = fc.array(share, { minLength: LENGTH, maxLength: LENGTH }).map((values) => Float32Array.from(values));
const clean = fc
  .array(level, { minLength: LENGTH, maxLength: LENGTH })
  .map((ks) => Float32Array.from(ks, (k) => k / 255));
const direction = fc
  .array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: LENGTH, maxLength: LENGTH })
  .map((values) => Float32Array.from(values));
const eps = fc.double({ min: 0.1, max: 20, noNaN: true });

/** An image within eps levels of the clean one. */
function moved(from: Float32Array, by: Float32Array, levels: number): Float32Array {
  return from.map((value, i) => Math.min(1, Math.max(0, value + (by[i]! * levels) / 255)));
}

describe('the corridor', () => {
  test('encloses the float result by neighbouring levels', () => {
    fc.assert(
      fc.property(clean, floats, (x, v) => {
        const { low, high } = levelCorridor(x, v, { widen: 0, sparse: false });
        v.forEach((value, i) => {
          expect(high[i]! - low[i]!).toBeLessThanOrEqual(1);
          expect(low[i]!).toBeLessThanOrEqual(255 * value + 0.01);
          expect(high[i]!).toBeGreaterThanOrEqual(255 * value - 0.01);
        });
      }),
    );
  });

  test('stays within eps of an image on the grid, whatever eps and however wide', () => {
    fc.assert(
      fc.property(clean, direction, eps, fc.integer({ min: 0, max: 4 }), (x, by, bound, widen) => {
        const { low, high } = levelCorridor(x, moved(x, by, bound), { widen, eps: bound, sparse: false });
        x.forEach((value, i) => {
          expect(low[i]!).toBeLessThanOrEqual(high[i]!);
          for (const end of [low[i]!, high[i]!]) expect(Math.abs(end - 255 * value)).toBeLessThanOrEqual(bound + 0.01);
        });
      }),
    );
  });

  test('a sample off the grid without a level within eps takes the nearest', () => {
    const x = new Float32Array(3).fill(100.4 / 255);
    const { low, high } = levelCorridor(x, x, { widen: 2, eps: 0.2, sparse: false });
    expect([...low, ...high]).toEqual([100, 100, 100, 100, 100, 100]);
  });

  test('sparse: pixels that the attack left alone stay, with all their channels', () => {
    const x = Float32Array.from([10, 20, 30, 40, 50, 60], (k) => k / 255);
    const v = x.slice();
    v[4] = 52.5 / 255;
    const { low, high } = levelCorridor(x, v, { widen: 1, sparse: true });
    expect([...low]).toEqual([10, 20, 30, 39, 51, 59]);
    expect([...high]).toEqual([10, 20, 30, 41, 54, 61]);
  });
});

describe('levels along a direction', () => {
  test('minimise ‖levels − clean‖² − 2 t ⟨direction, levels⟩ in the corridor', () => {
    fc.assert(
      fc.property(clean, floats, direction, fc.double({ min: 0, max: 50, noNaN: true }), (x, v, by, t) => {
        const corridor = levelCorridor(x, v, { widen: 1, sparse: false });
        const found = levelsAlong(x, by, t, corridor);
        const cost = (i: number, k: number) => (k - 255 * x[i]!) ** 2 - 2 * t * by[i]! * k;
        found.forEach((k, i) => {
          for (let other = corridor.low[i]!; other <= corridor.high[i]!; other++)
            expect(cost(i, k)).toBeLessThanOrEqual(cost(i, other) + 1e-3);
        });
      }),
    );
  });

  test('from where nothing moves to where all that matters is at an end', () => {
    fc.assert(
      fc.property(clean, direction, (x, by) => {
        fc.pre(by.some((value) => Math.abs(value) > 1e-3));
        const v = moved(x, by, 3);
        const corridor = levelCorridor(x, v, { widen: 4, sparse: false });
        const range = rangeOfSteps(by, corridor);
        expect(range.low).toBeLessThanOrEqual(range.high);
        const mean = by.reduce((sum, value) => sum + Math.abs(value), 0) / by.length;
        levelsAlong(x, by, range.high, corridor).forEach((k, i) => {
          if (Math.abs(by[i]!) > 0.02 * mean) expect(k).toBe(by[i]! > 0 ? corridor.high[i] : corridor.low[i]);
        });
      }),
    );
  });

  test('nearest levels: rounding, within the corridor', () => {
    const v = Float32Array.from([1.4, 1.6, 9.5], (k) => k / 255);
    expect([...nearestLevels(v, { low: Uint8Array.of(0, 0, 0), high: Uint8Array.of(9, 1, 9) })]).toEqual([1, 1, 9]);
  });
});

test('the change in each norm', () => {
  const x = Float32Array.from([0, 0, 0, 100, 100, 100], (k) => k / 255);
  const levels = [0, 0, 0, 103, 96, 100];
  expect(changeOf(x, levels, 255, 'l0')).toBe(1);
  expect(255 * changeOf(x, levels, 255, 'l1')).toBeCloseTo(7, 4);
  expect(255 * changeOf(x, levels, 255, 'l2')).toBeCloseTo(5, 4);
  expect(255 * changeOf(x, levels, 255, 'linf')).toBeCloseTo(4, 4);
  expect(changeOf(x, x, 1, 'l0')).toBe(0);
});
