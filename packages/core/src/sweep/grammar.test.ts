import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { Random } from '../random/random.js';
import { SourceReader } from '../spec/sources.js';
import { fromPlain, toPlain, type MapNode } from '../spec/tree.js';
import { specRegistry } from '../testing/spec-plugins.js';
import { readAxis } from './axes.js';
import { readDistribution } from './distributions.js';
import { plainValues, readPoints } from './points.js';

const folder = mkdtempSync(join(tmpdir(), 'shield-grammar-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const where = { file: 'spec' };
const names = { reader: new SourceReader(undefined, [folder]), registry: specRegistry() };
const values = (form: unknown) =>
  readAxis('seed', fromPlain(form, where), where, names).values.map(toPlain) as number[];
const points = async (sweep: object, seed = 3) => {
  const options = { ...names, seed, fixed: new Map(), axes: [], many: false };
  return (await readPoints(fromPlain(sweep, where) as MapNode, options)).map(plainValues);
};

/** A few keys with distinct values each. */
const grids = fc.dictionary(
  fc.constantFrom('batch', 'seed', 'model.width', 'attacks.push.confidence'),
  fc.uniqueArray(fc.integer({ min: 0, max: 99 }), { minLength: 1, maxLength: 5 }),
  { minKeys: 1, noNullPrototype: true },
);

describe('ranges', () => {
  it('of whole numbers are those of Python', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -500, max: 500 }),
        fc.integer({ min: 1, max: 60 }),
        fc.integer({ min: 1, max: 40 }),
        fc.boolean(),
        (from, n, size, down) => {
          const step = down ? -size : size;
          const expected = Array.from({ length: n }, (_, i) => from + i * step);
          // Any end after the last and up to the next value gives the same range.
          for (const to of [from + (n - 1) * step + Math.sign(step), from + n * step]) {
            expect(values({ range: [from, to, step] })).toEqual(expected);
          }
        },
      ),
    );
  });

  it('of fractions hold what a person would write, and not the end', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 50 }), (tenths, n) => {
        const step = tenths / 10;
        const found = values({ range: [0, Number((n * step).toFixed(6)), step] });
        expect(found).toEqual(Array.from({ length: n }, (_, i) => Number((i * step).toFixed(6))));
      }),
    );
  });

  it('spaced evenly, in numbers or ratios, have both ends and n values', () => {
    const end = fc.double({ min: 0.001, max: 1000, noNaN: true });
    fc.assert(
      fc.property(end, end, fc.integer({ min: 2, max: 30 }), (from, to, n) => {
        const linear = values({ linspace: [from, to, n] });
        const ratios = values({ logspace: [from, to, n] });
        for (const found of [linear, ratios]) {
          expect(found).toHaveLength(n);
          expect(found[0]!).toBeCloseTo(from, 8);
          expect(found.at(-1)!).toBeCloseTo(to, 8);
        }
        for (let i = 1; i < n - 1; i++) {
          expect(linear[i]! - linear[i - 1]!).toBeCloseTo((to - from) / (n - 1), 6);
          expect(ratios[i]! / ratios[i - 1]!).toBeCloseTo((to / from) ** (1 / (n - 1)), 6);
        }
      }),
    );
    expect(values({ logspace: [1, 1000, 4] })).toEqual([1, 10, 100, 1000]);
    expect(values({ linspace: [5, 9, 1] })).toEqual([5]);
  });

  it('stand among values, in their order', () => {
    expect(values([1, { range: [20, 50, 10] }, 7])).toEqual([1, 20, 30, 40, 7]);
  });
});

describe('points', () => {
  it('of a grid are its product: each combination once', async () => {
    await fc.assert(
      fc.asyncProperty(grids, async (grid) => {
        const found = await points({ grid });
        const count = Object.values(grid).reduce((product, list) => product * list.length, 1);
        expect(found).toHaveLength(count);
        expect(new Set(found.map((point) => JSON.stringify(point))).size).toBe(count);
        for (const point of found) {
          for (const [key, list] of Object.entries(grid)) expect(list).toContain(point[key]);
        }
        // The last key changes fastest: sorted by the place of each value in its list, from the first key on.
        const places = found.map((point) =>
          Object.entries(grid).reduce((sum, [key, list]) => sum * list.length + list.indexOf(point[key] as number), 0),
        );
        expect(places).toEqual(places.map((_, i) => i));
      }),
    );
  });

  it('that a condition includes, and those that it excludes, are all of them', async () => {
    await fc.assert(
      fc.asyncProperty(
        grids,
        fc.integer({ min: 0, max: 99 }),
        fc.constantFrom('=', '!=', '<', '<=', '>', '>='),
        async (grid, limit, sign) => {
          const condition = [`${Object.keys(grid)[0]}${sign}${limit}`];
          const part = async (sweep: object) => {
            try {
              return await points(sweep);
            } catch {
              return [];
            }
          };
          const all = await points({ grid });
          const kept = await part({ grid, include: condition });
          const left = await part({ grid, exclude: condition });
          expect(kept.length + left.length).toBe(all.length);
          expect(all.filter((point) => kept.some((each) => JSON.stringify(each) === JSON.stringify(point)))).toEqual(
            kept,
          );
        },
      ),
    );
  });

  it('of a zip are as many as each key has values', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.integer(), fc.integer()), { minLength: 1, maxLength: 9 }),
        async (pairs) => {
          const zip = { seed: pairs.map(([a]) => a), batch: pairs.map(([, b]) => b) };
          expect(await points({ zip })).toEqual(pairs.map(([seed, batch]) => ({ seed, batch })));
        },
      ),
    );
  });

  it('are repeated with the seeds that follow', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 1000 }), fc.integer({ min: 1, max: 9 }), async (seed, repeats) => {
        expect(await points({ repeats }, seed)).toEqual(
          Array.from({ length: repeats }, (_, i) => ({ seed: seed + i })),
        );
      }),
    );
  });
});

describe('distributions', () => {
  const drawn = (distribution: object, n = 2000) => {
    const draw = readDistribution('key', fromPlain(distribution, where));
    return Array.from({ length: n }, (_, i) => toPlain(draw(new Random(1, 'test', i))) as number);
  };
  const mean = (list: number[]) => list.reduce((sum, value) => sum + value, 0) / list.length;

  it('keep their bounds, whatever they are', () => {
    const bounds = fc
      .tuple(fc.double({ min: 0.01, max: 1e6, noNaN: true }), fc.double({ min: 1.001, max: 1e6, noNaN: true }))
      .map(([low, factor]) => [low, low * factor] as const);
    fc.assert(
      fc.property(bounds, ([low, high]) => {
        for (const name of ['uniform', 'loguniform']) {
          for (const value of drawn({ [name]: [low, high] }, 20)) {
            expect(value).toBeGreaterThanOrEqual(low * (1 - 1e-5));
            expect(value).toBeLessThanOrEqual(high * (1 + 1e-5));
          }
        }
      }),
    );
  });

  it('have the moments of their names', () => {
    expect(mean(drawn({ uniform: [0, 10] }))).toBeCloseTo(5, 0);
    expect(mean(drawn({ loguniform: [1, 100] }).map(Math.log10))).toBeCloseTo(1, 1);
    expect(mean(drawn({ normal: [5, 2] }))).toBeCloseTo(5, 0);
    expect(mean(drawn({ normal: [5, 2] }).map((value) => (value - 5) ** 2))).toBeCloseTo(4, 0);
    const dice = drawn({ integer: [1, 6] });
    for (const side of [1, 2, 3, 4, 5, 6]) {
      expect(dice.filter((value) => value === side).length / dice.length).toBeCloseTo(1 / 6, 1);
    }
    expect(new Set(drawn({ choice: ['a', 'b'] }, 50) as unknown[])).toEqual(new Set(['a', 'b']));
  });
});
