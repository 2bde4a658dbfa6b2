import { openBackend } from '@shield/core';
import { attackConformance } from '@shield/core/testing';
import { beforeAll, describe, expect, test } from 'vitest';
import hopSkipJump from './hop-skip-jump.js';
import { attackPlane, GRAY } from './testing/plane.js';

describe('hop_skip_jump conforms', () => {
  const cases = attackConformance(hopSkipJump, {
    options: { steps: 3, initial_queries: 16, start_tries: 20 },
    variations: {
      norm: [{ norm: 'linf' }],
      steps: [{ steps: 1 }],
      start_tries: [{ start_tries: 1 }],
      initial_queries: [{ initial_queries: 4 }],
      max_queries: [{ max_queries: 4 }],
      gamma: [{ gamma: 100 }],
    },
  });
  for (const { name, run } of cases) test(name, run);
});

describe('hop_skip_jump', () => {
  beforeAll(() => openBackend('cpu', { log: () => undefined, warn: () => undefined }));

  test.each([
    // From 0.4 everywhere to a mean of 0.45: 0.05·√192 in l2, 0.05 in linf, by hand.
    ['l2' as const, 0.05 * Math.sqrt(192)],
    ['linf' as const, 0.05],
  ])('comes near the nearest point of a plane: %s', async (norm, nearest) => {
    const options = { norm, steps: 12, initial_queries: 60, start_tries: 10 };
    const outcome = await attackPlane(hopSkipJump, options, 0.45);
    for (const found of outcome[norm]) {
      expect(found).toBeGreaterThan(nearest * 0.999);
      expect(found).toBeLessThan(nearest * (norm === 'l2' ? 1.4 : 2));
    }
  });

  test('an image for which no noise is wrong is given back as it is', async () => {
    const { pixels, iterations } = await attackPlane(hopSkipJump, { start_tries: 5 }, 0.99);
    expect([...iterations]).toEqual([0, 0]);
    expect(pixels.every((value) => value === GRAY)).toBe(true);
  });
});
