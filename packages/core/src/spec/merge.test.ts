import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { merge } from './merge.js';
import { fromPlain, locateValue, toPlain } from './tree.js';

const at = (file: string) => ({ file });
const merged = (base: unknown, over: unknown) =>
  toPlain(
    merge(
      fromPlain(base, at('base')),
      fromPlain(over, at('over')),
      (path, option) => path[0] === 'dataset' && option === 'limit',
    ),
  );

const leaf = fc.oneof(fc.integer(), fc.string(), fc.boolean(), fc.constant(null), fc.array(fc.integer()));
const key = fc.constantFrom('a', 'b', 'c', 'd', '__proto__', 'constructor');
const { tree } = fc.letrec((tie) => ({
  tree: fc.dictionary(key, fc.oneof({ maxDepth: 3 }, leaf, tie('tree')), { maxKeys: 4, noNullPrototype: true }),
}));

describe('merge', () => {
  it('joins mappings and replaces everything else', () => {
    expect(merged({ a: { x: 1, l: [1, 2] }, b: 1 }, { a: { l: [3], y: null }, b: { c: 1 } })).toEqual({
      a: { x: 1, l: [3], y: null },
      b: { c: 1 },
    });
  });

  it('drops the options of a plugin that is changed for another', () => {
    const base = { dataset: { use: 'x', path: 'p', limit: 3 }, model: { use: 'x', width: 1 } };
    expect(merged(base, { dataset: { use: 'y' }, model: { use: 'x', depth: 2 } })).toEqual({
      dataset: { use: 'y', limit: 3 },
      model: { use: 'x', width: 1, depth: 2 },
    });
  });

  it('keeps the place that each value was written at', () => {
    const both = merge(
      fromPlain({ a: { x: 1, y: 2 } }, at('base')),
      fromPlain({ a: { y: 3 } }, at('over')),
      () => false,
    );
    expect(locateValue(both, ['a', 'x']).file).toBe('base');
    expect(locateValue(both, ['a', 'y']).file).toBe('over');
  });

  it('is idempotent, associative, has {} as its unit, and lets the later win', () => {
    fc.assert(fc.property(tree, (a) => void expect(merged(a, a)).toEqual(a)));
    fc.assert(fc.property(tree, (a) => void expect(merged(a, {})).toEqual(a)));
    fc.assert(fc.property(tree, (a) => void expect(merged({}, a)).toEqual(a)));
    fc.assert(
      fc.property(tree, tree, (a, b) => {
        const both = merged(a, b);
        // Whatever is merged over it, every leaf that b says stands.
        expect(merged(both, b)).toEqual(both);
        expect(Object.keys(both as object).sort()).toEqual(
          [...new Set([...Object.keys(a as object), ...Object.keys(b as object)])].sort(),
        );
      }),
    );
    // Associative where mappings meet mappings: a scalar in the middle would cut off what the first says.
    const flat = fc.dictionary(key, fc.dictionary(key, leaf, { noNullPrototype: true }), { noNullPrototype: true });
    fc.assert(
      fc.property(flat, flat, flat, (a, b, c) => void expect(merged(merged(a, b), c)).toEqual(merged(a, merged(b, c)))),
    );
  });
});
