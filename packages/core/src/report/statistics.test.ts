import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RunningMean, overDraws, proportion, recoveredShare } from './statistics.js';

describe('proportion', () => {
  test('Wilson interval against published values', () => {
    // Newcombe 1998, table I: 81 of 263 and 15 of 148, method 3 (score, no continuity correction).
    const a = proportion(81, 263);
    expect([a.low, a.high].map((v) => v!.toFixed(4))).toEqual(['0.2553', '0.3662']);
    const b = proportion(15, 148);
    expect([b.low, b.high].map((v) => v!.toFixed(4))).toEqual(['0.0624', '0.1605']);
    const none = proportion(0, 20);
    expect(none.low).toBe(0);
    expect(none.high!.toFixed(4)).toBe('0.1611');
  });

  test('no images, no share', () => {
    expect(proportion(0, 0).share).toBeUndefined();
  });

  test('the interval holds the share and stays in [0, 1]', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10_000 }), fc.float({ min: 0, max: 1, noNaN: true }), (n, f) => {
        const p = proportion(Math.floor(n * f), n);
        expect(p.low!).toBeGreaterThanOrEqual(0);
        expect(p.high!).toBeLessThanOrEqual(1);
        expect(p.low!).toBeLessThanOrEqual(p.share! + 1e-12);
        expect(p.high!).toBeGreaterThanOrEqual(p.share! - 1e-12);
      }),
    );
  });
});

test('recovered share: not clipped, null below five lost images', () => {
  expect(recoveredShare(90, 10, 50)).toBe(0.5);
  expect(recoveredShare(90, 10, 5)).toBeLessThan(0);
  expect(recoveredShare(14, 10, 12)).toBeNull();
  expect(recoveredShare(15, 10, 12)).toBeCloseTo(0.4);
});

test('over draws: Student interval', () => {
  const d = overDraws([1, 2, 3, 4, 5]);
  expect(d.mean).toBe(3);
  expect(d.deviation).toBeCloseTo(1.5811, 4);
  expect(d.high - d.mean).toBeCloseTo((2.776 * 1.5811) / Math.sqrt(5), 3);
  expect(overDraws([2]).deviation).toBe(0);
});

test('running mean', () => {
  const m = new RunningMean();
  expect(m.mean).toBeUndefined();
  m.add(1);
  m.add(3);
  expect([m.mean, m.n]).toEqual([2, 2]);
});
