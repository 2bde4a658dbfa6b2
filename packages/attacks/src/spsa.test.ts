import { openBackend } from '@shield/core';
import { attackConformance } from '@shield/core/testing';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import spsa from './spsa.js';
import { attackFormula } from './testing/formula-network.js';

describe('spsa conforms', () => {
  const cases = attackConformance(spsa, {
    options: { eps: 16, steps: 5, samples: 16 },
    variations: {
      eps: [{ eps: 2 }],
      steps: [{ steps: 2 }],
      samples: [{ samples: 4 }],
      delta: [{ delta: 20 }],
      learning_rate: [{ learning_rate: 1 }],
      early_stop: [{ early_stop: false }],
    },
    bound: ({ eps }) => Number(eps) / 255,
  });
  for (const { name, run } of cases) test(name, run);
});

describe('spsa', () => {
  beforeAll(() => openBackend('cpu', { log: () => undefined, warn: () => undefined }));

  test('the first step moves every pixel by the learning rate, as Adam does, and never past eps', async () => {
    const { pixels, clean } = await attackFormula(
      spsa,
      { steps: 1, learning_rate: 2.55, samples: 5, early_stop: false },
      2,
    );
    pixels.forEach((value, k) => {
      if (clean[k]! > 0.02 && clean[k]! < 0.98) expect(Math.abs(value - clean[k]!)).toBeCloseTo(0.01, 4);
    });
  });

  test('early_stop: an image that is wrong takes no more steps', async () => {
    const { iterations, verdicts, labels } = await attackFormula(spsa, { eps: 20, steps: 12, samples: 32 });
    expect(verdicts.some((verdict, i) => verdict !== labels[i])).toBe(true);
    expect(Math.min(...iterations)).toBeLessThan(12);
  });

  test('never leaves eps nor [0, 1]', async () => {
    const lengths = fc.double({ min: 0.01, max: 255, noNaN: true });
    const drawn = fc.record({ eps: lengths, delta: lengths, learning_rate: lengths });
    await fc.assert(
      fc.asyncProperty(drawn, async (options) => {
        const { pixels, linf } = await attackFormula(spsa, { ...options, steps: 2, samples: 2, early_stop: false }, 2);
        for (const norm of linf) expect(norm).toBeLessThanOrEqual((options.eps / 255) * (1 + 1e-5) + 1e-6);
        expect(pixels.every((value) => value >= 0 && value <= 1)).toBe(true);
      }),
      { numRuns: 20 },
    );
  });
});
