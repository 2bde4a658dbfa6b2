import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ShieldErrors, type ShieldError } from '../errors/index.js';
import { escapeExpressions, interpolate } from './interpolate.js';
import { fromPlain, toPlain, type MapNode } from './tree.js';

const AT = { file: 't' };
const fill = (value: object, env: Record<string, string> = {}) =>
  toPlain(interpolate(fromPlain(value, AT) as MapNode, { env })) as Record<string, unknown>;

function reasons(value: object): string[] {
  try {
    fill(value);
  } catch (error) {
    if (error instanceof ShieldErrors) return error.errors.map(({ message }) => message);
    return [(error as ShieldError).message];
  }
  return [];
}

describe('interpolation', () => {
  it('keeps the type of a whole value and writes values into text', () => {
    const value = {
      a: 4,
      b: '${a}',
      c: 'x${a}y${l.1}',
      l: [true, null],
      m: '${l}',
      n: '${o}',
      o: { p: '${b}' },
      q: '${l[0]}',
    };
    expect(fill(value)).toEqual({ ...value, b: 4, c: 'x4ynull', m: [true, null], n: { p: 4 }, o: { p: 4 }, q: true });
  });

  it('goes through expressions that stand for mappings', () => {
    expect(fill({ a: '${b}', b: { c: 1 }, d: '${a.c}' })).toEqual({ a: { c: 1 }, b: { c: 1 }, d: 1 });
  });

  it('reads the environment, with a default where it is unset', () => {
    const value = {
      a: '${env:A}',
      b: '${env:B,0.5}',
      c: '${env:C,}',
      d: 'in ${env:D, here}',
      e: '${env:E}',
      f: '${env:F}',
    };
    const env = { A: '12', E: 'true', F: '123456789012345678901' };
    expect(fill(value, env)).toEqual({ a: 12, b: 0.5, c: '', d: 'in here', e: true, f: '123456789012345678901' });
  });

  it('is escaped by a backslash', () => {
    expect(fill({ a: 1, b: '\\${a}', c: '\\\\${a}', d: '$a {a} $', e: '\\n \\' })).toEqual({
      a: 1,
      b: '${a}',
      c: '\\1',
      d: '$a {a} $',
      e: '\\n \\',
    });
  });

  it('names circles, once each, and all else that is wrong', () => {
    expect(reasons({ a: '${b}', b: 'x${c.0}', c: ['${a}'] })).toEqual([
      'cannot resolve ${a}: it goes round in a circle: a → b → c.0 → a',
    ]);
    expect(reasons({ a: { b: '${a}' } })[0]).toContain('circle');
    expect(reasons({ a: '${a}' })[0]).toContain('circle: a → a');
    expect(reasons({ a: '${', b: '${}', c: '${x y}', d: 'l ${e}', e: [1], f: '${e.4}', g: '${env:9}' })).toEqual([
      'cannot resolve ${: it has no closing }',
      'cannot resolve ${}: it names nothing',
      'cannot resolve ${x y}: it is neither a.b.c nor env:NAME',
      'cannot resolve ${e}: it is a list and cannot stand within text',
      'cannot resolve ${e.4}: there is no "e.4"',
      'cannot resolve ${env:9}: "9" is no name of an environment variable',
    ]);
  });

  it('gives escaped text back as it was, whatever the text', () => {
    const part = fc.constantFrom('$', '{', '}', '\\', '${', 'a', 'env:X', ' ');
    const text = fc.oneof(
      fc.string(),
      fc.array(part).map((parts) => parts.join('')),
    );
    fc.assert(fc.property(text, (written) => fill({ a: escapeExpressions(written) })['a'] === written));
  });

  it('resolves any chain to its end, in any order of the keys', () => {
    const chain = fc.tuple(
      fc.integer({ min: 1, max: 30 }),
      fc.integer(),
      fc.array(fc.nat(), { minLength: 30, maxLength: 30 }),
    );
    fc.assert(
      fc.property(chain, ([length, end, order]) => {
        const keys = Array.from({ length }, (_, i) => [`k${i}`, i === 0 ? end : `\${k${i - 1}}`] as const);
        const shuffled = keys.map((key, i) => ({ key, at: order[i]! })).sort((a, b) => a.at - b.at);
        const filled = fill(Object.fromEntries(shuffled.map(({ key }) => key)));
        return Object.values(filled).every((value) => value === end);
      }),
    );
  });
});
