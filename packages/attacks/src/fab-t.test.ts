import { openBackend } from '@shield/core';
import { attackConformance } from '@shield/core/testing';
import { beforeAll, describe, expect, test } from 'vitest';
import { BEYOND } from './adaptive-boundary-planes.js';
import fabT from './fab-t.js';
import recorded from './testing/autoattack.json' with { type: 'json' };
import { attackFormula } from './testing/formula-network.js';

describe('fab_t conforms', () => {
  const early = { early_stop: true, eps: 8 };
  const cases = attackConformance(fabT, {
    options: { eta: 1, eps: 30, steps: 2, targets: 2, restarts: 3 },
    variations: {
      norm: [{ norm: 'l2' }, { norm: 'l1' }],
      eps: [{ base: early, changed: { eps: 3 } }],
      steps: [{ steps: 1 }],
      restarts: [{ restarts: 1 }],
      targets: [{ targets: 1 }],
      alpha_max: [{ alpha_max: 0.5 }],
      eta: [{ eta: 1.5 }],
      beta: [{ beta: 0.5 }],
      final_search: [{ base: { eta: 1.5 }, changed: { final_search: 0 } }],
      early_stop: [early],
    },
  });
  for (const { name, run } of cases) test(name, run);
});

/** As far as the peer's, but for the margin by which ours are wrong, a part of that of the clean image. */
function expectAsFar(ratio: number, image: number): void {
  expect(ratio).toBeGreaterThan(0.995);
  expect(ratio).toBeLessThan(1.005 + (1.2 * BEYOND) / recorded.margins[image]!);
}

describe('fab_t on the formula network', () => {
  beforeAll(() => openBackend('cpu', { log: () => undefined, warn: () => undefined }));

  test.each(['linf', 'l2', 'l1'] as const)('%s: the distances of torchattacks, for one target', async (norm) => {
    const options = { norm, steps: 20, targets: 1, final_search: 0 };
    const outcome = await attackFormula(fabT, options, recorded.labels.length);
    recorded.fab_t[norm].forEach((length, i) => expectAsFar(outcome[norm][i]! / length, i));
  });
});
