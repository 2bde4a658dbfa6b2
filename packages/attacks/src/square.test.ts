import { Random, openBackend } from '@shield/core';
import { attackConformance } from '@shield/core/testing';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { L2Squares, eta } from './square-l2.js';
import { LinfSquares } from './square-linf.js';
import square, { shareAt } from './square.js';
import recorded from './testing/autoattack.json' with { type: 'json' };
import { attackFormula } from './testing/formula-network.js';

describe('square conforms', () => {
  const cases = attackConformance(square, {
    options: { eps: 100, queries: 60 },
    variations: {
      norm: [{ base: { eps: 200 }, changed: { norm: 'l2' } }],
      eps: [{ eps: 2 }],
      queries: [{ queries: 5 }],
      restarts: [{ base: { eps: 3, queries: 10 }, changed: { restarts: 2 } }],
      p_init: [{ p_init: 0.1 }],
      loss: [{ base: { eps: 6 }, changed: { loss: 'ce' } }],
      rescale_schedule: [{ rescale_schedule: false }],
    },
    bound: ({ eps }) => Number(eps) / 255,
  });
  for (const { name, run } of cases) test(name, run);
});

describe('square in l2 conforms', () => {
  const cases = attackConformance(square, {
    options: { norm: 'l2', eps: 300, queries: 60 },
    bound: ({ eps }) => Number(eps) / 255,
  }).filter(({ name }) => /batches|order|no tensors|bound|target|NaN|grid/.test(name));
  for (const { name, run } of cases) test(name, run);
});

describe('the schedule', () => {
  test('halves the share of pixels after the numbers of queries in the paper, of 10,000', () => {
    const at = (k: number) => shareAt(k, { p_init: 0.8, queries: 10_000, rescale_schedule: true });
    expect([0, 10, 11, 51, 201, 501, 1001, 2001, 4001, 6001, 8001, 9999].map((k) => 0.8 / at(k))).toEqual([
      1, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 512,
    ]);
  });

  test('is scaled to the queries that there are, or not', () => {
    const of = { p_init: 0.8, queries: 100 };
    expect(shareAt(99, { ...of, rescale_schedule: true })).toBe(0.8 / 512);
    expect(shareAt(99, { ...of, rescale_schedule: false })).toBe(0.8 / 4);
  });
});

/** Grey, such that [0, 1] cuts nothing off. */
const grey = (height: number, width: number) => new Float32Array(height * width * 3).fill(0.5);

function changedPixels(a: Float32Array, b: Float32Array, width: number): { rows: Set<number>; columns: Set<number> } {
  const rows = new Set<number>();
  const columns = new Set<number>();
  a.forEach((value, i) => {
    if (value === b[i]) return;
    rows.add(Math.floor(i / 3 / width));
    columns.add(Math.floor(i / 3) % width);
  });
  return { rows, columns };
}

describe('squares in linf', () => {
  const size = { height: 6, width: 9 };

  test('start from vertical stripes at ±eps', () => {
    const { image } = new LinfSquares(grey(6, 9), size, 0.1, new Random('stripes'));
    image.forEach((value, i) => {
      expect(Math.abs(value - 0.5)).toBeCloseTo(0.1, 6);
      expect(value).toBe(image[i % (9 * 3)]);
    });
  });

  test('are of one colour, of the side asked for, and can be taken back', () => {
    const squares = new LinfSquares(grey(6, 9), size, 0.1, new Random('squares'));
    for (let k = 0; k < 50; k++) {
      const before = squares.image.slice();
      squares.propose(9 / 54);
      const { rows, columns } = changedPixels(squares.image, before, 9);
      expect(rows.size).toBeGreaterThan(0);
      for (const places of [rows, columns]) expect(Math.max(...places) - Math.min(...places)).toBeLessThan(3);
      for (const value of squares.image) expect(Math.abs(value - 0.5)).toBeCloseTo(0.1, 6);
      if (k % 2) continue;
      squares.takeBack();
      expect(squares.image).toEqual(before);
    }
  });
});

describe('squares in l2', () => {
  /*
   * Side 3: the upper row is the rectangle of 1 × 3, [1/4, 1 + 1/4, 1/4] scaled to norm 1; the lower two, 2 × 3 around
   * (1, 1), have 1 + 1/4 there and 1/4 elsewhere, scaled to norm 1 with the sign turned; then all by √2.
   */
  test('η of side 3 as worked out by hand', () => {
    const upper = [1 / 4, 5 / 4, 1 / 4].map((value) => value / Math.hypot(1 / 4, 5 / 4, 1 / 4));
    const low = [1, 1, 1, 1, 5, 1].map((value) => -value / Math.hypot(1, 1, 1, 1, 5, 1));
    [...upper, ...low].forEach((value, k) => expect(eta(3)[k]).toBeCloseTo(value / Math.SQRT2, 12));
  });

  test('hold the norm of the change at eps, change two squares at most, and can be taken back', () => {
    const size = { height: 10, width: 12 };
    const squares = new L2Squares(grey(10, 12), size, 0.4, new Random('squares'));
    const norm = () => Math.hypot(...squares.image.map((value) => value - 0.5));
    expect(norm()).toBeCloseTo(0.4, 5);
    for (let k = 0; k < 50; k++) {
      const before = squares.image.slice();
      squares.propose(9 / 120);
      expect(norm()).toBeCloseTo(0.4, 5);
      // Beyond rounding: what is outside of the two squares is only scaled to eps, which it has already.
      const far = squares.image.filter((value, i) => Math.abs(value - before[i]!) > 1e-6).length;
      expect(far).toBeGreaterThan(0);
      expect(far).toBeLessThanOrEqual(2 * 9 * 3);
      if (k % 2) continue;
      squares.takeBack();
      expect(squares.image).toEqual(before);
    }
  });
});

describe('square on the formula network', () => {
  beforeAll(() => openBackend('cpu', { log: () => undefined, warn: () => undefined }));

  test('an image that is wrong asks no more', async () => {
    const { iterations, verdicts, labels } = await attackFormula(square, { eps: 1, queries: 100 });
    expect(verdicts.some((verdict, i) => verdict !== labels[i])).toBe(true);
    verdicts.forEach((verdict, i) => expect(iterations[i]! < 100).toBe(verdict !== labels[i]));
  });

  test('restarts are as many more queries, for those that stand', async () => {
    const { iterations, verdicts, labels } = await attackFormula(square, { eps: 0.3, queries: 10, restarts: 3 });
    verdicts.forEach((verdict, i) => expect(iterations[i]! === 30).toBe(verdict === labels[i]));
    expect(iterations).toContain(30);
  });

  test('never leaves eps nor [0, 1], in both norms', async () => {
    const lengths = fc.double({ min: 0.01, max: 400, noNaN: true });
    const drawn = fc.record({
      eps: lengths,
      norm: fc.constantFrom('linf', 'l2'),
      p_init: fc.double({ min: 0.01, max: 1, noNaN: true }),
    });
    await fc.assert(
      fc.asyncProperty(drawn, async (options) => {
        const outcome = await attackFormula(square, { ...options, queries: 8 }, 2);
        const norms = options.norm === 'l2' ? outcome.l2 : outcome.linf;
        for (const norm of norms) expect(norm).toBeLessThanOrEqual((options.eps / 255) * (1 + 1e-5) + 1e-6);
        expect(outcome.pixels.every((value) => value >= 0 && value <= 1)).toBe(true);
      }),
      { numRuns: 20 },
    );
  });

  test.each(recorded.square)(
    '$norm, eps $eps, $queries queries: no fewer images broken than by torchattacks, which also asks about squares that change nothing',
    async (peer) => {
      const { norm, eps, queries, broken } = peer;
      const seeds = [0, 1, 2, 3, 4, 5];
      let mean = 0;
      for (const seed of seeds) {
        const random = (i: number, draw = 0) => new Random('square', seed, i, draw);
        const { labels, verdicts } = await attackFormula(square, { norm, eps, queries }, recorded.labels.length, {
          random,
        });
        expect([...labels]).toEqual(recorded.labels);
        mean += verdicts.filter((verdict, i) => verdict !== labels[i]).length / seeds.length;
      }
      expect(mean).toBeGreaterThan(broken - 1);
    },
  );
});
