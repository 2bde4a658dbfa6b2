import { openBackend } from '@shield/core';
import { attackConformance } from '@shield/core/testing';
import { beforeAll, describe, expect, test } from 'vitest';
import deepfool from './deepfool.js';
import fmn from './fmn.js';
import { attackFormula } from './testing/formula-network.js';
import recorded from './testing/minimal-norm.json' with { type: 'json' };

describe('fmn conforms', () => {
  const cases = attackConformance(fmn, {
    options: { steps: 15 },
    variations: {
      norm: [{ norm: 'linf' }, { norm: 'l1' }, { norm: 'l0' }],
      steps: [{ steps: 3 }],
      step_size: [{ step_size: 20 }],
      gamma: [{ gamma: 0.5 }],
    },
  });
  for (const { name, run } of cases) test(name, run);
});

describe.each(['l0', 'l1', 'linf'])('fmn in %s conforms', (norm) => {
  const dependent = [
    'fools the model',
    'gives images of the same',
    'gives the same results in batches',
    'on the 8-bit',
  ];
  const cases = attackConformance(fmn, { options: { norm, steps: 10 } });
  for (const { name, run } of cases) if (dependent.some((start) => name.startsWith(start))) test(name, run);
});

describe('fmn', () => {
  beforeAll(() => openBackend('cpu', { log: () => undefined, warn: () => undefined }));

  // Farther by what it takes to be wrong by a thousandth of a logit, which Foolbox does not ask for.
  test.each([
    ['foolbox LInfFMN', 'linf', 0.0001],
    ['foolbox L1FMN', 'l1', 0.002],
  ] as const)('%s: the same distances', async (name, norm, margin) => {
    const outcome = await attackFormula(fmn, { norm, steps: 50 });
    outcome.verdicts.forEach((verdict, i) => expect(verdict).not.toBe(outcome.labels[i]));
    recorded.norms[name].forEach((value, i) => expect(Math.abs(outcome[norm][i]! - value)).toBeLessThan(margin));
  });

  test("foolbox L0FMN: no more values, of which Foolbox's never has less than two", async () => {
    const { l0, verdicts, labels } = await attackFormula(fmn, { norm: 'l0', steps: 50 });
    verdicts.forEach((verdict, i) => expect(verdict).not.toBe(labels[i]));
    recorded.norms['foolbox L0FMN'].forEach((count, i) => expect(l0[i]).toBeLessThanOrEqual(count));
  });

  test('in l2 it ends nearer than DeepFool', async () => {
    const [near, far] = [await attackFormula(fmn, { steps: 50 }), await attackFormula(deepfool, {})];
    near.verdicts.forEach((verdict, i) => expect(verdict).not.toBe(near.labels[i]));
    const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value) / values.length;
    expect(mean(near.l2)).toBeLessThan(mean(far.l2));
  });
});
