import { expect, test } from 'vitest';
import { ConstantSearch } from './constant-search.js';

test('ten times as much until a success, then bisection', () => {
  const search = new ConstantSearch(1, 0.01);
  const next = () => search.constants([0])[0]!;
  search.tried(0, false);
  expect(next()).toBeCloseTo(0.1);
  search.tried(0, false);
  expect(next()).toBeCloseTo(1);
  search.tried(0, true);
  expect(next()).toBeCloseTo(0.55);
  search.tried(0, true);
  expect(next()).toBeCloseTo(0.325);
  search.tried(0, false);
  expect(next()).toBeCloseTo(0.4375);
});

test('a success at once goes down', () => {
  const search = new ConstantSearch(2, 1);
  search.tried(1, true);
  expect([...search.constants([0, 1])]).toEqual([1, 0.5]);
});
