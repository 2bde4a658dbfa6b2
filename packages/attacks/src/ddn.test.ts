import { openBackend } from '@shield/core';
import { attackConformance } from '@shield/core/testing';
import { beforeAll, describe, expect, test } from 'vitest';
import ddn from './ddn.js';
import { attackFormula } from './testing/formula-network.js';
import recorded from './testing/minimal-norm.json' with { type: 'json' };

describe('ddn conforms', () => {
  const cases = attackConformance(ddn, {
    options: { steps: 15 },
    variations: {
      steps: [{ steps: 3 }],
      step_size: [{ step_size: 20 }],
      initial_norm: [{ initial_norm: 50 }],
      gamma: [{ gamma: 0.2 }],
    },
  });
  for (const { name, run } of cases) test(name, run);
});

describe('ddn', () => {
  beforeAll(() => openBackend('cpu', { log: () => undefined, warn: () => undefined }));

  test("Foolbox's distances", async () => {
    const { l2, labels, verdicts } = await attackFormula(ddn, { steps: 50, initial_norm: 25.5 });
    expect([...labels]).toEqual(recorded.labels);
    verdicts.forEach((verdict, i) => expect(verdict).not.toBe(labels[i]));
    // Farther by what it takes to be wrong by a thousandth of a logit, which Foolbox does not ask for.
    recorded.norms['foolbox DDN'].forEach((norm, i) => expect(Math.abs(l2[i]! - norm)).toBeLessThan(0.001));
  });

  test('one step has the length of the first norm, along the gradient, and the model is asked at its end', async () => {
    const one = await attackFormula(ddn, { steps: 1, initial_norm: 10 });
    // Grown by gamma: the model is right at the clean image.
    one.l2.forEach((norm) => expect(norm).toBeLessThanOrEqual((10 / 255) * 1.05 + 1e-6));
    const [l2] = one.l2;
    expect(l2).toBeGreaterThan(0.9 * (10 / 255));
  });
});
