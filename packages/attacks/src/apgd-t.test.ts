import { attackConformance } from '@shield/core/testing';
import { describe, test } from 'vitest';
import apgdT from './apgd-t.js';

describe('apgd_t conforms', () => {
  const cases = attackConformance(apgdT, {
    options: { eps: 8, steps: 10, targets: 2 },
    variations: {
      norm: [{ norm: 'l2' }],
      eps: [{ eps: 2 }],
      steps: [{ base: { early_stop: false }, changed: { steps: 5 } }],
      restarts: [{ base: { eps: 0.3 }, changed: { restarts: 2 } }],
      rho: [{ base: { early_stop: false }, changed: { rho: 0.3 } }],
      early_stop: [{ early_stop: false }],
      targets: [{ base: { eps: 0.3 }, changed: { targets: 1 } }],
    },
    bound: ({ eps }) => Number(eps) / 255,
  });
  for (const { name, run } of cases) test(name, run);
});
