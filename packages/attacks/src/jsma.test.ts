import { openBackend } from '@shield/core';
import { attackConformance } from '@shield/core/testing';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import jsma from './jsma.js';
import { Saliency } from './saliency.js';
import { CLASSES, attackFormula } from './testing/formula-network.js';
import recorded from './testing/minimal-norm.json' with { type: 'json' };

describe('jsma conforms', () => {
  const cases = attackConformance(jsma, {
    options: { gamma: 0.2 },
    variations: {
      theta: [{ theta: 20 }],
      direction: [{ direction: 'up' }, { direction: 'down' }],
      gamma: [{ gamma: 0.002 }],
      features_per_step: [{ features_per_step: 5 }],
      steps: [{ steps: 1 }],
    },
  });
  for (const { name, run } of cases) test(name, run);
});

describe('jsma', () => {
  beforeAll(() => openBackend('cpu', { log: () => undefined, warn: () => undefined }));

  test("ART's count of values, to the next class", async () => {
    const targets = Int32Array.from(recorded.labels, (label) => (label + 1) % CLASSES);
    const { l0, verdicts } = await attackFormula(jsma, { direction: 'up', gamma: 1 }, 6, { targets });
    expect([...verdicts]).toEqual([...targets]);
    expect(l0).toEqual(recorded.norms['art JSMA, the next class']);
  });

  test('changes no more values than gamma allows', async () => {
    const { l0 } = await attackFormula(jsma, { theta: 1, gamma: 0.02, steps: 50 });
    for (const count of l0) expect(count).toBeLessThanOrEqual(0.02 * 192);
  });
});

test('Saliency takes the values of the largest derivatives that can still go that way', () => {
  const pixels = Float32Array.of(0.5, 1, 0.5, 0.2, 0.5);
  const slope = Float32Array.of(1, 9, 3, -5, NaN);
  const up = new Saliency(pixels.slice(), 5);
  expect(up.step(slope, 2, 0.25, 'up')).toBe(2);
  expect([...up.pixels]).toEqual([0.75, 1, 0.75, Math.fround(0.2), 0.5]);
  const both = new Saliency(pixels.slice(), 5);
  expect(both.step(slope, 2, 0.25, 'both')).toBe(2);
  expect([...both.pixels]).toEqual([0.5, 1, 0.75, 0, 0.5]);
  const down = new Saliency(pixels.slice(), 5);
  expect(down.step(slope, 2, 0.25, 'down')).toBe(1);
  // Nothing is left that would help.
  expect(down.step(slope, 2, 0.25, 'down')).toBe(0);
});

test('Saliency: a value that went up never comes down', () => {
  fc.assert(
    fc.property(
      fc.array(fc.float({ min: -1, max: 1, noNaN: true }), { minLength: 8, maxLength: 8 }),
      fc.array(fc.float({ min: -1, max: 1, noNaN: true }), { minLength: 8, maxLength: 8 }),
      fc.integer({ min: 1, max: 8 }),
      (first, second, most) => {
        const search = new Saliency(new Float32Array(8).fill(0.5), most);
        search.step(Float32Array.from(first), 3, 0.2, 'both');
        const between = [...search.pixels];
        search.step(Float32Array.from(second), 3, 0.2, 'both');
        const way = (a: number, b: number) => Math.sign(b - a);
        between.forEach((value, k) => {
          const [before, after] = [way(0.5, value), way(value, search.pixels[k]!)];
          if (before !== 0 && after !== 0) expect(after).toBe(before);
        });
        expect(search.pixels.filter((value) => value !== 0.5).length).toBeLessThanOrEqual(most);
      },
    ),
  );
});
