import { openBackend } from '@shield/core';
import { attackConformance } from '@shield/core/testing';
import { beforeAll, describe, expect, test } from 'vitest';
import iFgsm from './i-fgsm.js';
import miFgsm from './mi-fgsm.js';
import { attackFormula } from './testing/formula-network.js';
import { recordedL2 } from './testing/recorded.js';

describe('mi_fgsm conforms', () => {
  const cases = attackConformance(miFgsm, {
    options: { eps: 12, steps: 6 },
    variations: {
      eps: [{ eps: 1.5 }],
      step_size: [{ step_size: 3 }],
      steps: [{ steps: 2 }],
      decay: [{ decay: 0.1 }],
      early_stop: [{ early_stop: true }],
    },
    bound: ({ eps }) => Number(eps) / 255,
  });
  for (const { name, run } of cases) test(name, run);
});

describe('mi_fgsm', () => {
  beforeAll(() => openBackend('cpu', { log: () => undefined, warn: () => undefined }));
  const options = { eps: 8, step_size: 1, steps: 10 };

  test('without momentum is iterative FGSM', async () => {
    const one = await attackFormula(miFgsm, { ...options, decay: 0 });
    const other = await attackFormula(iFgsm, { ...options, early_stop: false });
    expect(one.pixels).toEqual(other.pixels);
  });

  test("torchattacks' images, to four decimals of each L2 norm", async () => {
    const { l2 } = await attackFormula(miFgsm, { ...options, decay: 0.9 });
    recordedL2('torchattacks MIFGSM').forEach((norm, i) => expect(l2[i]).toBeCloseTo(norm, 4));
  });
});
