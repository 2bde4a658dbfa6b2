import { openBackend } from '@shield/core';
import { attackConformance } from '@shield/core/testing';
import { beforeAll, describe, expect, test } from 'vitest';
import cwL2 from './cw-l2.js';
import ead from './ead.js';
import { attackFormula } from './testing/formula-network.js';
import recorded from './testing/minimal-norm.json' with { type: 'json' };

describe('ead conforms', () => {
  const cases = attackConformance(ead, {
    options: { max_iterations: 10, search_steps: 2, initial_constant: 0.1 },
    variations: {
      confidence: [{ confidence: 0.5 }],
      regularization: [{ regularization: 0.1 }],
      rule: [{ rule: 'l1' }],
      max_iterations: [{ max_iterations: 3 }],
      search_steps: [{ search_steps: 1 }],
      initial_constant: [{ initial_constant: 1 }],
      learning_rate: [{ learning_rate: 0.05 }],
      early_stop: [{ early_stop: false }],
    },
  });
  for (const { name, run } of cases) test(name, run);
});

describe('ead', () => {
  beforeAll(() => openBackend('cpu', { log: () => undefined, warn: () => undefined }));

  test.each([
    ['foolbox EAD', 'en'],
    ['foolbox EAD, L1', 'l1'],
  ] as const)('%s: the same distances', async (name, rule) => {
    const { l1, labels, verdicts } = await attackFormula(ead, { rule, early_stop: false });
    verdicts.forEach((verdict, i) => expect(verdict).not.toBe(labels[i]));
    // Found where the model is wrong by a thousandth of a logit, which Foolbox does not ask for.
    recorded.norms[name].forEach((norm, i) => expect(Math.abs(l1[i]! - norm)).toBeLessThan(0.003));
  });

  test('changes fewer values than Carlini-Wagner does', async () => {
    const [sparse, dense] = [await attackFormula(ead, { rule: 'l1' }), await attackFormula(cwL2, {})];
    const total = (counts: readonly number[]) => counts.reduce((sum, count) => sum + count, 0);
    expect(total(sparse.l0)).toBeLessThan(0.2 * total(dense.l0));
  });
});
