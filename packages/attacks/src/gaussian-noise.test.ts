import { openBackend } from '@shield/core';
import { attackConformance } from '@shield/core/testing';
import { beforeAll, describe, expect, test } from 'vitest';
import gaussianNoise from './gaussian-noise.js';
import { attackFormula } from './testing/formula-network.js';

describe('gaussian_noise conforms', () => {
  const cases = attackConformance(gaussianNoise, {
    options: { std: 80, repeats: 6 },
    variations: { std: [{ std: 10 }], repeats: [{ repeats: 1 }] },
  });
  for (const { name, run } of cases) test(name, run);
});

describe('gaussian_noise', () => {
  beforeAll(() => openBackend('cpu', { log: () => undefined, warn: () => undefined }));

  test('has the standard deviation that is asked for, where nothing is clipped', async () => {
    const { pixels, clean } = await attackFormula(gaussianNoise, { std: 5.1 }, 12);
    const changes = [...pixels].flatMap((value, k) => (clean[k]! > 0.2 && clean[k]! < 0.8 ? [value - clean[k]!] : []));
    const mean = changes.reduce((sum, value) => sum + value, 0) / changes.length;
    const variance = changes.reduce((sum, value) => sum + (value - mean) ** 2, 0) / changes.length;
    expect(Math.abs(mean)).toBeLessThan(0.002);
    expect(Math.sqrt(variance)).toBeGreaterThan(0.019);
    expect(Math.sqrt(variance)).toBeLessThan(0.021);
  });

  test('repeats: no image that was wrong after one is right after ten', async () => {
    const one = await attackFormula(gaussianNoise, { std: 60 }, 12);
    const ten = await attackFormula(gaussianNoise, { std: 60, repeats: 10 }, 12);
    const wrong = ({ verdicts, labels }: typeof one) => [...verdicts].map((verdict, i) => verdict !== labels[i]);
    wrong(one).forEach((before, i) => expect(before && !wrong(ten)[i]).toBe(false));
    expect(wrong(ten).filter(Boolean).length).toBeGreaterThan(wrong(one).filter(Boolean).length);
  });
});
