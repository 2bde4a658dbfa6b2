import { openBackend } from '@shield/core';
import { attackConformance } from '@shield/core/testing';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import diFgsm, { shrinkAndPad } from './di-fgsm.js';
import miFgsm from './mi-fgsm.js';
import { attackFormula } from './testing/formula-network.js';

describe('di_fgsm conforms', () => {
  const cases = attackConformance(diFgsm, {
    options: { eps: 20, step_size: 4, steps: 8, smallest: 0.7 },
    variations: {
      eps: [{ eps: 1.5 }],
      step_size: [{ step_size: 2 }],
      steps: [{ steps: 2 }],
      decay: [{ decay: 0.1 }],
      probability: [{ probability: 1 }],
      smallest: [{ smallest: 0.5 }],
    },
    bound: ({ eps }) => Number(eps) / 255,
  });
  for (const { name, run } of cases) test(name, run);
});

describe('di_fgsm', () => {
  beforeAll(() => openBackend('cpu', { log: () => undefined, warn: () => undefined }));

  test('that never shrinks is momentum FGSM', async () => {
    const options = { eps: 8, step_size: 1, steps: 10 };
    const one = await attackFormula(diFgsm, { ...options, probability: 0 });
    expect(one.pixels).toEqual((await attackFormula(miFgsm, options)).pixels);
  });

  test('shrinks by hand', () => {
    // Four samples to two at place 1: centres at 0.5 and 2.5, half-way between two samples.
    expect([...shrinkAndPad(4, 2, 1)]).toEqual([0, 0, 0, 0, 0.5, 0.5, 0, 0, 0, 0, 0.5, 0.5, 0, 0, 0, 0]);
    // Three to two: centres at 0.25 and 1.75.
    expect([...shrinkAndPad(3, 2, 0)]).toEqual([0.75, 0.25, 0, 0, 0.25, 0.75, 0, 0, 0]);
  });

  test('keeps a constant line constant where the image is, and 0 around it', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.nat(), fc.nat(), (size, s, a) => {
        const shrunk = 1 + (s % size);
        const at = a % (size - shrunk + 1);
        const matrix = shrinkAndPad(size, shrunk, at);
        for (let row = 0; row < size; row++) {
          const sum = matrix.subarray(row * size, (row + 1) * size).reduce((total, weight) => total + weight, 0);
          expect(sum).toBeCloseTo(row >= at && row < at + shrunk ? 1 : 0, 6);
        }
      }),
    );
  });
});
