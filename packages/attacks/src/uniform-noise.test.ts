import { openBackend } from '@shield/core';
import { attackConformance } from '@shield/core/testing';
import { beforeAll, describe, expect, test } from 'vitest';
import { attackFormula } from './testing/formula-network.js';
import uniformNoise from './uniform-noise.js';

describe('uniform_noise conforms', () => {
  const cases = attackConformance(uniformNoise, {
    options: { eps: 120, repeats: 6 },
    variations: { eps: [{ eps: 10 }], repeats: [{ repeats: 1 }] },
    bound: ({ eps }) => Number(eps) / 255,
  });
  for (const { name, run } of cases) test(name, run);
});

describe('uniform_noise', () => {
  beforeAll(() => openBackend('cpu', { log: () => undefined, warn: () => undefined }));

  test('reaches eps on both sides, evenly', async () => {
    const { pixels, clean } = await attackFormula(uniformNoise, { eps: 25.5 }, 12);
    const changes = [...pixels].flatMap((value, k) => (clean[k]! > 0.2 && clean[k]! < 0.8 ? [value - clean[k]!] : []));
    expect(Math.max(...changes)).toBeGreaterThan(0.099);
    expect(Math.min(...changes)).toBeLessThan(-0.099);
    const inner = changes.filter((change) => Math.abs(change) < 0.05).length / changes.length;
    expect(inner).toBeGreaterThan(0.45);
    expect(inner).toBeLessThan(0.55);
  });
});
