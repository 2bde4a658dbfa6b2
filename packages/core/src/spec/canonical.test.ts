import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalHash, canonicalJson } from './canonical.js';

describe('canonical JSON', () => {
  it('sorts keys, leaves undefined out and writes -0 as 0', () => {
    expect(canonicalJson({ b: [1, -0, 'é'], a: { d: null, c: undefined, C: true } })).toBe(
      '{"a":{"C":true,"d":null},"b":[1,0,"é"]}',
    );
  });

  it('is the same for any order of keys, and JSON that reads back', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = canonicalJson(value);
        expect(canonicalJson(reversed(value))).toBe(text);
        expect(canonicalJson(JSON.parse(text))).toBe(text);
      }),
    );
  });

  it('tells different values apart', () => {
    expect(canonicalHash({ a: 1 })).not.toBe(canonicalHash({ a: '1' }));
    expect(canonicalHash([1, [2]])).not.toBe(canonicalHash([[1], 2]));
    expect(canonicalHash({})).toMatch(/^[0-9a-f]{64}$/);
  });

  it('refuses what JSON cannot hold', () => {
    const circle: Record<string, unknown> = {};
    circle['self'] = circle;
    for (const value of [
      NaN,
      Infinity,
      undefined,
      () => 1,
      1n,
      new Date(),
      new Map(),
      new Float32Array(1),
      circle,
      { a: [NaN] },
    ]) {
      expect(() => canonicalJson(value)).toThrow(TypeError);
    }
    const shared = { x: 1 };
    expect(canonicalJson([shared, shared])).toBe('[{"x":1},{"x":1}]');
  });
});

function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).reverse();
  const turned = Object.fromEntries(entries.map(([key, member]) => [key, reversed(member)]));
  return turned;
}
