import { openBackend } from '@shield/core';
import { attackConformance } from '@shield/core/testing';
import { beforeAll, describe, expect, test } from 'vitest';
import boundary from './boundary.js';
import { attackPlane, GRAY } from './testing/plane.js';

describe('boundary conforms', () => {
  const cases = attackConformance(boundary, {
    options: { steps: 40, check_every: 1, start_tries: 20, spherical_step: 0.05, source_step: 0.05 },
    variations: {
      steps: [{ steps: 5 }],
      start_tries: [{ start_tries: 1 }],
      spherical_step: [{ spherical_step: 0.2 }],
      source_step: [{ source_step: 0.2 }],
      step_adaptation: [{ step_adaptation: 4 }],
      check_every: [{ check_every: 10 }],
      convergence: [{ convergence: 1 }],
    },
  });
  for (const { name, run } of cases) test(name, run);
});

describe('boundary', () => {
  beforeAll(() => openBackend('cpu', { log: () => undefined, warn: () => undefined }));

  test('comes near the nearest point of a plane', async () => {
    // From 0.4 everywhere to a mean of 0.45, by hand.
    const nearest = 0.05 * Math.sqrt(192);
    const options = { steps: 600, check_every: 1, start_tries: 10, spherical_step: 0.1, source_step: 0.05 };
    const { l2 } = await attackPlane(boundary, options, 0.45);
    for (const found of l2) {
      expect(found).toBeGreaterThan(nearest * 0.999);
      expect(found).toBeLessThan(nearest * 1.4);
    }
  });

  test('an image for which no noise is wrong is given back as it is', async () => {
    const { pixels, iterations } = await attackPlane(boundary, { start_tries: 5 }, 0.99);
    expect([...iterations]).toEqual([0, 0]);
    expect(pixels.every((value) => value === GRAY)).toBe(true);
  });
});
