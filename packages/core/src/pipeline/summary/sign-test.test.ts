import { expect, it } from 'vitest';
import { signTest } from './sign-test.js';

// scipy.stats.binomtest(k, n, 0.5).pvalue
it.each([
  [0, 0, 1],
  [1, 0, 1],
  [0, 5, 0.0625],
  [3, 12, 0.03515625],
  [10, 10, 1],
  [2, 30, 2.4633482e-7],
  [1400, 1600, 0.00027856396],
])('%i against %i: %f', (fewer, more, p) => {
  expect(signTest(fewer, more)).toBeCloseTo(p, 7);
  expect(signTest(more, fewer)).toBeCloseTo(p, 7);
});
