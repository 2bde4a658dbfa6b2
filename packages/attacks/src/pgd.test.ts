import { Random, openBackend } from '@shield/core';
import { attackConformance } from '@shield/core/testing';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import iFgsm from './i-fgsm.js';
import pgd from './pgd.js';
import { attackFormula } from './testing/formula-network.js';
import { recordedL2 } from './testing/recorded.js';

describe('pgd conforms', () => {
  const l2 = { norm: 'l2', eps: 300, step_size: 40 };
  const cases = attackConformance(pgd, {
    options: { eps: 8, steps: 6 },
    variations: {
      norm: [l2],
      eps: [{ eps: 1.5 }],
      step_size: [{ step_size: 2 }],
      steps: [{ steps: 2 }],
      random_start: [{ random_start: false }],
      restarts: [{ base: { eps: 3, steps: 2 }, changed: { restarts: 3 } }],
      loss: [{ loss: 'margin' }, { loss: 'dlr' }],
      early_stop: [{ early_stop: false }],
    },
    bound: ({ eps }) => Number(eps) / 255,
  });
  for (const { name, run } of cases) test(name, run);
});

describe('pgd in l2, with restarts, conforms', () => {
  const given = ['norm', 'eps', 'step_size', 'steps', 'random_start', 'restarts', 'loss', 'early_stop'];
  const cases = attackConformance(pgd, { options: { norm: 'l2', eps: 200, step_size: 40, steps: 4, restarts: 2 } });
  for (const { name, run } of cases) if (!given.some((o) => name.startsWith(`option ${o}:`))) test(name, run);
});

describe('pgd', () => {
  beforeAll(() => openBackend('cpu', { log: () => undefined, warn: () => undefined }));

  test('from the clean image in linf is iterative FGSM', async () => {
    const options = { eps: 6, step_size: 1, steps: 8, early_stop: false };
    const [one, other] = [
      await attackFormula(pgd, { ...options, random_start: false }),
      await attackFormula(iFgsm, options),
    ];
    expect(one.pixels).toEqual(other.pixels);
  });

  test("from the clean image in l2 gives Foolbox's images, to four decimals of each L2 norm", async () => {
    const options = { norm: 'l2', eps: 100, step_size: 20, steps: 10, random_start: false, early_stop: false };
    const { l2 } = await attackFormula(pgd, options);
    recordedL2('foolbox L2PGD').forEach((norm, i) => expect(l2[i]).toBeCloseTo(norm, 4));
  });

  test('never leaves the ball of eps nor [0, 1]', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          norm: fc.constantFrom('linf', 'l2'),
          eps: fc.double({ min: 0.01, max: 255, noNaN: true }),
          step_size: fc.double({ min: 0.01, max: 500, noNaN: true }),
          steps: fc.integer({ min: 1, max: 3 }),
          restarts: fc.integer({ min: 1, max: 2 }),
        }),
        async (options) => {
          const { pixels, l2, linf } = await attackFormula(pgd, options, 2);
          const norms = options.norm === 'l2' ? l2 : linf;
          for (const norm of norms) expect(norm).toBeLessThanOrEqual((options.eps / 255) * (1 + 1e-5) + 1e-6);
          for (const value of pixels) expect(value >= 0 && value <= 1).toBe(true);
        },
      ),
      { numRuns: 25 },
    );
  });

  test('restarts: only images that are still standing try again, and more of them fall', async () => {
    const options = { eps: 1.2, step_size: 0.4, steps: 2, early_stop: false };
    const tries: number[][] = [];
    const random = (i: number, draw = 0) => {
      (tries[i] ??= []).push(draw);
      return new Random('restarts', i, draw);
    };
    const many = await attackFormula(pgd, { ...options, restarts: 6 }, 12, { random });
    const fell = (verdicts: Int32Array) => verdicts.filter((verdict, i) => verdict !== many.labels[i]).length;
    expect(fell(many.verdicts)).toBeGreaterThan(0);
    expect(fell(many.verdicts)).toBeLessThan(12);
    many.verdicts.forEach((verdict, i) => {
      expect(many.iterations[i]).toBe(2 * tries[i]!.length);
      if (verdict === many.labels[i]) expect(tries[i]).toEqual([0, 1, 2, 3, 4, 5]);
    });
  });
});
