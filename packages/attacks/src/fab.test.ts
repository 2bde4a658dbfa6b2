import { openBackend } from '@shield/core';
import { attackConformance } from '@shield/core/testing';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { BEYOND } from './adaptive-boundary-planes.js';
import fabT from './fab-t.js';
import fab from './fab.js';
import recorded from './testing/autoattack.json' with { type: 'json' };
import { attackFormula } from './testing/formula-network.js';

/** What both variants have; of `fab` and `fab_t` each the number of classes that it tries. */
const early = { early_stop: true, eps: 8 };
const variants = [
  { plugin: fab, options: { candidates: 4 }, own: { candidates: [{ candidates: 2 }] } },
  { plugin: fabT, options: { targets: 2 }, own: { targets: [{ targets: 1 }] } },
];

describe.each(variants)('$plugin.name conforms', ({ plugin, options, own }) => {
  const cases = attackConformance(plugin, {
    options: { eta: 1, eps: 30, steps: 2, restarts: 3, ...options },
    variations: {
      norm: [{ norm: 'l2' }, { norm: 'l1' }],
      eps: [{ base: early, changed: { eps: 3 } }],
      steps: [{ steps: 1 }],
      restarts: [{ restarts: 1 }],
      alpha_max: [{ alpha_max: 0.5 }],
      eta: [{ eta: 1.5 }],
      beta: [{ beta: 0.5 }],
      final_search: [{ base: { eta: 1.5 }, changed: { final_search: 0 } }],
      early_stop: [early],
      ...own,
    },
  });
  for (const { name, run } of cases) test(name, run);
});

/** As far as the peer's, but for the margin by which ours are wrong, a part of that of the clean image. */
function expectAsFar(ratio: number, image: number): void {
  expect(ratio).toBeGreaterThan(0.995);
  expect(ratio).toBeLessThan(1.005 + (1.2 * BEYOND) / recorded.margins[image]!);
}

const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);

describe('fab on the formula network', () => {
  beforeAll(() => openBackend('cpu', { log: () => undefined, warn: () => undefined }));

  test.each(['linf', 'l2', 'l1'] as const)('%s: the distances of torchattacks', async (norm) => {
    const outcome = await attackFormula(fab, { norm, steps: 20, final_search: 0 }, recorded.labels.length);
    recorded.fab[norm].forEach((length, i) => expectAsFar(outcome[norm][i]! / length, i));
  });

  test.each(['linf', 'l2', 'l1'] as const)('%s: the distances of torchattacks, for one target', async (norm) => {
    const options = { norm, steps: 20, targets: 1, final_search: 0 };
    const outcome = await attackFormula(fabT, options, recorded.labels.length);
    recorded.fab_t[norm].forEach((length, i) => expectAsFar(outcome[norm][i]! / length, i));
  });

  test.each(['linf', 'l2', 'l1'] as const)('%s: the final search makes changes smaller, never larger', async (norm) => {
    const options = { norm, steps: 3, eta: 1.3 };
    const [without, searched] = [
      await attackFormula(fab, { ...options, final_search: 0 }),
      await attackFormula(fab, { ...options, final_search: 3 }),
    ];
    searched[norm].forEach((length, i) => expect(length).toBeLessThanOrEqual(without[norm][i]!));
    expect(sum(searched[norm])).toBeLessThan(0.995 * sum(without[norm]));
    searched.verdicts.forEach((verdict, i) => expect(verdict).not.toBe(searched.labels[i]));
  });

  test('early_stop: an image whose change is within eps takes no more steps', async () => {
    const { linf, iterations } = await attackFormula(fab, { eps: 0.4, steps: 10, early_stop: true });
    linf.forEach((length, i) => expect(iterations[i]! < 10).toBe(length <= 0.4 / 255));
    expect(Math.min(...iterations)).toBeLessThan(10);
    expect(Math.max(...iterations)).toBe(10);
  });

  test('stays in [0, 1] and leaves an image without a smaller change than it', async () => {
    const drawn = fc.record({
      norm: fc.constantFrom('linf', 'l2', 'l1'),
      eps: fc.double({ min: 0.01, max: 400, noNaN: true }),
      eta: fc.double({ min: 1, max: 3, noNaN: true }),
      alpha_max: fc.double({ min: 0, max: 1, noNaN: true }),
    });
    await fc.assert(
      fc.asyncProperty(drawn, async (options) => {
        const { pixels, verdicts, labels, linf } = await attackFormula(fab, { ...options, steps: 3, restarts: 2 }, 2);
        expect(pixels.every((value) => value >= 0 && value <= 1)).toBe(true);
        verdicts.forEach((verdict, i) => expect(verdict !== labels[i]).toBe(linf[i]! > 0));
      }),
      { numRuns: 15 },
    );
  });
});
