import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Random } from '../../random/random.js';
import { RunningMean, agreement, overDraws, proportion, recoveredShare } from './statistics.js';

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

  test('none of any number begins at 0, all of them end at 1', () => {
    for (let n = 1; n < 500; n++) expect([proportion(0, n).low, proportion(n, n).high]).toEqual([0, 1]);
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

describe('the interval over images with several draws each', () => {
  const over = (shares: readonly number[], draws: number) => {
    const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
    return proportion(sum(shares), shares.length, { squares: sum(shares.map((share) => share * share)), draws });
  };

  test('of hits and misses alone: that of the images', () => {
    const shares = Array.from({ length: 40 }, (_, i) => (i < 27 ? 1 : 0));
    expect(over(shares, 5)).toEqual(proportion(27, 40));
  });

  test('all images alike: at most that of as many images as there are draws', () => {
    const all = Array.from({ length: 40 }, () => 0.6);
    expect(over(all, 5).low).toBeCloseTo(proportion(120, 200).low!, 12);
    expect(over(all, 5).high).toBeCloseTo(proportion(120, 200).high!, 12);
  });

  test('holds the true accuracy in 95 of 100 samples, whatever share of its draws each image gets right', () => {
    const random = new Random('statistics', 'coverage');
    const kinds = [0.02, 0.5, 0.9, 0.97, 1];
    const truth = kinds.reduce((sum, p) => sum + p, 0) / kinds.length;
    let held = 0;
    let wilson = 0;
    for (let sample = 0; sample < 3000; sample++) {
      const shares = Array.from({ length: 60 }, () => {
        const p = kinds[random.integer(kinds.length)]!;
        return Array.from({ length: 5 }, () => (random.uniform() < p ? 1 : 0)).reduce<number>((a, b) => a + b, 0) / 5;
      });
      const { low, high } = over(shares, 5);
      if (low! <= truth && truth <= high!) held++;
      const plain = proportion(
        shares.reduce((a, b) => a + b, 0),
        60,
      );
      if (plain.low! <= truth && truth <= plain.high!) wilson++;
    }
    expect(held / 3000).toBeGreaterThan(0.93);
    expect(held / 3000).toBeLessThan(0.97);
    // Counting images as if they were hits or misses says more doubt than there is.
    expect(wilson).toBeGreaterThan(held);
  });
});

test('agreement: how often two draws name the same class', () => {
  expect(agreement([3])).toBe(1);
  expect(agreement([3, 3, 3])).toBe(1);
  expect(agreement([1, 2])).toBe(0);
  // Of the ten pairs of 1 1 1 2 2 four are equal.
  expect(agreement([1, 2, 1, 2, 1])).toBeCloseTo(0.4, 12);
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
