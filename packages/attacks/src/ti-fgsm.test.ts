import { openBackend } from '@shield/core';
import { attackConformance } from '@shield/core/testing';
import { beforeAll, describe, expect, test } from 'vitest';
import miFgsm from './mi-fgsm.js';
import { attackFormula } from './testing/formula-network.js';
import { recordedL2 } from './testing/recorded.js';
import tiFgsm, { shiftKernel } from './ti-fgsm.js';

describe('ti_fgsm conforms', () => {
  const cases = attackConformance(tiFgsm, {
    options: { eps: 30, step_size: 5, steps: 8, kernel_size: 3 },
    variations: {
      eps: [{ eps: 1.5 }],
      step_size: [{ step_size: 2 }],
      steps: [{ steps: 2 }],
      decay: [{ decay: 0.1 }],
      kernel: [{ kernel: 'uniform' }, { kernel: 'linear' }],
      kernel_size: [{ kernel_size: 5 }],
      kernel_sigmas: [{ kernel_sigmas: 1 }],
    },
    bound: ({ eps }) => Number(eps) / 255,
  });
  for (const { name, run } of cases) test(name, run);
});

describe('ti_fgsm', () => {
  beforeAll(() => openBackend('cpu', { log: () => undefined, warn: () => undefined }));
  const options = { eps: 8, step_size: 1, steps: 10 };

  test('sides of the kernels by hand', () => {
    const kernel = (kind: 'gaussian' | 'linear' | 'uniform') => [
      ...shiftKernel({ kernel: kind, kernel_size: 3, kernel_sigmas: 2 }),
    ];
    const near = (values: number[], expected: number[]) =>
      values.forEach((value, k) => expect(value).toBeCloseTo(expected[k]!, 12));
    near(kernel('uniform'), [1 / 3, 1 / 3, 1 / 3]);
    near(kernel('linear'), [1 / 4, 1 / 2, 1 / 4]);
    const tail = Math.exp(-2) / (1 + 2 * Math.exp(-2));
    near(kernel('gaussian'), [tail, 1 - 2 * tail, tail]);
  });

  test('with a kernel of one pixel is momentum FGSM', async () => {
    const one = await attackFormula(tiFgsm, { ...options, kernel_size: 1 });
    expect(one.pixels).toEqual((await attackFormula(miFgsm, options)).pixels);
  });

  test("torchattacks' images, to four decimals of each L2 norm", async () => {
    const smoothed = await attackFormula(tiFgsm, { ...options, decay: 0.9, kernel_size: 5 });
    recordedL2('torchattacks TIFGSM').forEach((norm, i) => expect(smoothed.l2[i]).toBeCloseTo(norm, 4));
    const linear = await attackFormula(tiFgsm, { ...options, decay: 0, kernel_size: 5, kernel: 'linear' });
    recordedL2('torchattacks TIFGSM linear').forEach((norm, i) => expect(linear.l2[i]).toBeCloseTo(norm, 4));
  });
});
