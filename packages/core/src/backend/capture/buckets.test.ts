import fc from 'fast-check';
import { expect, test } from 'vitest';
import { planBatches } from './buckets.js';

test('pieces cover the batch in order and waste at most a quarter', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 500 }), (rows) => {
      const pieces = planBatches(rows);
      let next = 0;
      let work = 0;
      for (const { start, rows: taken, bucket } of pieces) {
        expect(start).toBe(next);
        expect(taken).toBeLessThanOrEqual(bucket);
        next += taken;
        work += bucket;
      }
      expect(next).toBe(rows);
      expect(work).toBeLessThanOrEqual((rows * 5) / 4);
    }),
  );
});

test('examples', () => {
  const sizes = (rows: number) => planBatches(rows).map(({ bucket }) => bucket);
  expect(sizes(1)).toEqual([1]);
  expect(sizes(3)).toEqual([1, 1, 1]);
  expect(sizes(16)).toEqual([16]);
  expect(sizes(13)).toEqual([16]);
  expect(sizes(11)).toEqual([4, 4, 1, 1, 1]);
  expect(planBatches(7, [1, 4, 8]).map(({ bucket }) => bucket)).toEqual([8]);
  expect(planBatches(6, [1, 4, 8]).map(({ bucket }) => bucket)).toEqual([4, 1, 1]);
  expect(sizes(9)).toEqual([4, 4, 1]);
  expect(sizes(100)).toEqual([64, 16, 16, 4]);
  expect(planBatches(5, [4]).map(({ bucket }) => bucket)).toEqual([4, 4]);
  expect(planBatches(3, [8])).toEqual([{ start: 0, rows: 3, bucket: 8 }]);
});

test('an empty batch has no pieces', () => {
  expect(planBatches(0)).toEqual([]);
});
