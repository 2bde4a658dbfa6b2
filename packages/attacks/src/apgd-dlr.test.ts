import { attackConformance } from '@shield/core/testing';
import { describe, test } from 'vitest';
import apgdDlr from './apgd-dlr.js';

describe('apgd_dlr conforms', () => {
  const cases = attackConformance(apgdDlr, {
    options: { eps: 8, steps: 10 },
    variations: {
      norm: [{ norm: 'l2' }],
      eps: [{ eps: 2 }],
      steps: [{ base: { early_stop: false }, changed: { steps: 5 } }],
      restarts: [{ base: { eps: 0.3 }, changed: { restarts: 2 } }],
      rho: [{ base: { early_stop: false }, changed: { rho: 0.3 } }],
      early_stop: [{ early_stop: false }],
    },
    bound: ({ eps }) => Number(eps) / 255,
  });
  for (const { name, run } of cases) test(name, run);
});
