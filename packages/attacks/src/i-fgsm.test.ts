import { openBackend } from '@shield/core';
import { attackConformance } from '@shield/core/testing';
import { beforeAll, describe, expect, test } from 'vitest';
import fgsm from './fgsm.js';
import iFgsm from './i-fgsm.js';
import { attackFormula } from './testing/formula-network.js';
import { recordedL2, recordedLabels } from './testing/recorded.js';

describe('i_fgsm conforms', () => {
  const cases = attackConformance(iFgsm, {
    options: { eps: 8 },
    variations: {
      eps: [{ eps: 1.5 }],
      step_size: [{ step_size: 2 }],
      steps: [{ steps: 2 }],
      early_stop: [{ early_stop: false }],
    },
    bound: ({ eps }) => Number(eps) / 255,
  });
  for (const { name, run } of cases) test(name, run);
});

describe('i_fgsm', () => {
  beforeAll(() => openBackend('cpu', { log: () => undefined, warn: () => undefined }));

  test('one step of the whole eps is FGSM', async () => {
    const one = await attackFormula(iFgsm, { eps: 3, step_size: 3, steps: 1, early_stop: false });
    const other = await attackFormula(fgsm, { eps: 3 });
    one.pixels.forEach((value, k) => expect(value).toBeCloseTo(other.pixels[k]!, 6));
  });

  test("Foolbox's images, to four decimals of each L2 norm", async () => {
    const { l2, labels } = await attackFormula(iFgsm, { eps: 4, step_size: 1, steps: 10, early_stop: false });
    expect([...labels]).toEqual(recordedLabels);
    recordedL2('foolbox BIM').forEach((norm, i) => expect(l2[i]).toBeCloseTo(norm, 4));
  });

  test('early_stop: changes no verdict, and takes no more steps than are needed', async () => {
    const options = { eps: 20, step_size: 1, steps: 20 };
    const early = await attackFormula(iFgsm, { ...options, early_stop: true });
    const all = await attackFormula(iFgsm, { ...options, early_stop: false });
    expect([...all.iterations]).toEqual([20, 20, 20, 20, 20, 20]);
    expect(Math.max(...early.iterations)).toBeLessThan(20);
    for (const { verdicts, labels } of [early, all]) verdicts.forEach((v, i) => expect(v).not.toBe(labels[i]));
    // k steps of one level: no pixel has moved further.
    early.iterations.forEach((steps, i) => {
      for (let k = i * 192; k < (i + 1) * 192; k++) {
        expect(Math.abs(early.pixels[k]! - early.clean[k]!)).toBeLessThanOrEqual(steps / 255 + 1e-6);
      }
    });
  });
});
