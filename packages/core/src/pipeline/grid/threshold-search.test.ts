import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ThresholdSearch } from './threshold-search.js';

/** The t asked, and the smallest that held. */
function search(threshold: number, scans = 6, halvings = 4): { asked: number[]; found: number } {
  const steps = new ThresholdSearch(1, 4096, scans, halvings);
  const asked: number[] = [];
  for (let t = steps.next; t !== undefined; t = steps.next) {
    asked.push(t);
    steps.tell(t >= threshold);
  }
  return { asked, found: Math.min(...asked.filter((t) => t >= threshold)) };
}

test('goes up in equal factors, then halves in factors', () => {
  const { asked } = search(10);
  expect(asked.map((t) => Math.round(100 * t) / 100)).toEqual([4, 16, 8, 11.31, 9.51, 10.37]);
});

test('ends at the top where nothing holds', () => {
  expect(search(Infinity).asked.map(Math.round)).toEqual([4, 16, 64, 256, 1024, 4096]);
});

test('finds any threshold to a part of its factor, in as many questions as allowed', () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1, noNaN: true }), (power) => {
      const threshold = 4096 ** power;
      const { asked, found } = search(threshold);
      expect(asked.length).toBeLessThanOrEqual(10);
      expect(found / threshold).toBeLessThanOrEqual(4 ** (1 / 16) * 1.0001 * (power === 0 ? 2 : 1));
    }),
  );
});
