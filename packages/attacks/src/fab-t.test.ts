import { attackConformance } from '@shield/core/testing';
import { describe, test } from 'vitest';
import fabT from './fab-t.js';

describe('fab_t conforms', () => {
  const early = { early_stop: true, eps: 8 };
  const cases = attackConformance(fabT, {
    options: { eta: 1, eps: 30, steps: 2, targets: 2, restarts: 3 },
    variations: {
      norm: [{ norm: 'l2' }],
      eps: [{ base: early, changed: { eps: 3 } }],
      steps: [{ steps: 1 }],
      restarts: [{ restarts: 1 }],
      targets: [{ targets: 1 }],
      alpha_max: [{ alpha_max: 0.5 }],
      eta: [{ eta: 1.5 }],
      beta: [{ beta: 0.5 }],
      early_stop: [early],
    },
  });
  for (const { name, run } of cases) test(name, run);
});
