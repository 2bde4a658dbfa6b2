import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { StepSize, checkpointsOf } from './apgd-step-size.js';

describe('checkpoints', () => {
  test('of 100 steps: 22, then 19 further, each 3 nearer than the last, but never nearer than 6', () => {
    expect(checkpointsOf(100)).toEqual([22, 41, 57, 70, 80, 87, 93, 99]);
  });

  test('of 10 steps: rounded up, none twice', () => {
    expect(checkpointsOf(10)).toEqual([3, 5, 6, 7, 8, 9, 10]);
  });

  test('of any number of steps rise and stay within it', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5000 }), (steps) => {
        const checkpoints = checkpointsOf(steps);
        expect(checkpoints.length).toBeGreaterThan(0);
        checkpoints.forEach((k, j) => expect(k).toBeGreaterThan(checkpoints[j - 1] ?? 0));
        expect(checkpoints.at(-1)).toBeLessThanOrEqual(steps);
      }),
    );
  });
});

describe('the step size', () => {
  /** Sizes after each of these losses, and the steps after which the search goes back. */
  function follow(losses: readonly number[], checkpoints: readonly number[]) {
    const size = new StepSize(checkpoints, 0.75, 8, 0);
    const seen = losses.map((loss, i) => ({ ...size.observe(i + 1, loss), size: size.size }));
    return { sizes: seen.map((s) => s.size), back: seen.flatMap((s, i) => (s.back ? [i + 1] : [])) };
  }

  test('stays while the loss rises in three steps of four', () => {
    expect(follow([1, 2, 1.5, 3, 4, 5, 4.5, 6], [4, 8])).toEqual({ sizes: [8, 8, 8, 8, 8, 8, 8, 8], back: [] });
  });

  test('is halved after fewer rises (condition 1)', () => {
    expect(follow([1, 0.5, 2, 1], [4])).toEqual({ sizes: [8, 8, 8, 4], back: [4] });
  });

  test('is halved where the best loss has not changed since a checkpoint that left it alone (condition 2)', () => {
    // Three rises of four from 5 down to 1 and up again, never to 6.
    expect(follow([3, 4, 5, 6, 1, 2, 3, 4], [4, 8])).toEqual({ sizes: [8, 8, 8, 8, 8, 8, 8, 4], back: [8] });
    // The same losses after a halving: the size has changed, so they are given their chance.

    expect(follow([6, 1, 1, 1, 2, 3, 4, 5], [4, 8]).back).toEqual([4]);
  });

  test('a loss that is no number counts as no rise and is never the best', () => {
    const size = new StepSize([2], 0.75, 8, 1);
    expect(size.observe(1, NaN)).toEqual({ best: false, back: false });
    expect(size.observe(2, NaN)).toEqual({ best: false, back: true });
    expect(size.observe(3, 2)).toEqual({ best: true, back: false });
  });
});
