import { describe, expect, it } from 'vitest';
import { ShieldErrors, formatLocation, type ShieldError } from '../errors/index.js';
import { parseYamlFile } from './parse-yaml.js';
import { locateKey, locateValue, toPlain } from './tree.js';

const read = (text: string) => toPlain(parseYamlFile(text, 's.yaml'));

function faults(text: string): string[] {
  try {
    read(text);
  } catch (error) {
    const all = error instanceof ShieldErrors ? error.errors : [error as ShieldError];
    return all.map((each) => `${each.code} ${formatLocation(each.where!)} ${each.message}`);
  }
  return [];
}

describe('YAML', () => {
  it('is YAML 1.2: yes and no are text, octals need 0o', () => {
    expect(read('a: yes\nb: true\nc: 010\nd: 0o10\ne: 0x10\nf: 1e-3\ng: ~\nh: 2026-01-01\ni: -0.5\n')).toEqual({
      a: 'yes',
      b: true,
      c: 10,
      d: 8,
      e: 16,
      f: 0.001,
      g: null,
      h: '2026-01-01',
      i: -0.5,
    });
  });

  it('is empty when the file is', () => {
    expect(read('')).toEqual({});
    expect(read('# only a comment\n---\n')).toEqual({});
    expect(read('\uFEFFa: 1\r\nb: 2\r\n')).toEqual({ a: 1, b: 2 });
  });

  it('keeps the places of keys and values', () => {
    const tree = parseYamlFile('a:\n  b: [1,\n    22]\nc: "x"\n', 's.yaml');
    expect(locateKey(tree, ['a', 'b'])).toEqual({ file: 's.yaml', line: 2, column: 3 });
    expect(locateValue(tree, ['a', 'b', 1])).toEqual({ file: 's.yaml', line: 3, column: 5 });
    expect(locateValue(tree, ['c'])).toEqual({ file: 's.yaml', line: 4, column: 4 });
    expect(locateValue(tree, ['a', 'b', 7])).toEqual({ file: 's.yaml', line: 2, column: 6 });
  });

  it('has anchors, aliases and merge keys', () => {
    const text =
      'base: &base { x: 1, y: 2 }\nmore: &more { z: 9, x: 8 }\na: { <<: *base, y: 3 }\nb: *base\nc: { <<: [*base, *more] }\n';
    expect(read(text)).toMatchObject({ a: { x: 1, y: 3 }, b: { x: 1, y: 2 }, c: { x: 1, y: 2, z: 9 } });
  });

  it('keeps a key named __proto__ as data', () => {
    const value = read('__proto__: { polluted: true }\n') as object;
    expect(Object.keys(value)).toEqual(['__proto__']);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  it('names every fault of the text with its place', () => {
    expect(faults('a: 1\na: 2\nb: [1, 2\nc: "x\n').length).toBeGreaterThan(1);
    expect(faults('a: 1\nb: 2\na: 3\n')).toEqual(['SPEC_SYNTAX s.yaml:3:1 not valid YAML: Map keys must be unique']);
    expect(faults('a:\n\tb: 1\n')[0]).toMatch(
      /^SPEC_SYNTAX s\.yaml:2:1 not valid YAML: Tabs are not allowed as indentation/,
    );
    expect(faults('- a\n- b\n')[0]).toMatch(/^SPEC_SYNTAX s\.yaml:1:1 .*must be a mapping .* a list$/);
    expect(faults('only words')[0]).toContain('a single value');
    expect(faults('a: 1\n---\nb: 2\n')[0]).toMatch(/^SPEC_SYNTAX s\.yaml:2:1/);
    expect(faults('a: !!js/function "f"\n')[0]).toMatch(/^SPEC_SYNTAX s\.yaml:1:4 .*Unresolved tag/);
    expect(faults('a: *nowhere\n')[0]).toMatch(/^SPEC_SYNTAX s\.yaml:1:/);
    expect(faults('? [a, b]\n: 1\n')).toEqual(['SPEC_SYNTAX s.yaml:1:3 not valid YAML: a key must be a plain word']);
    expect(faults('a: { <<: 4 }\n')[0]).toContain('<< takes a mapping');
  });

  it('refuses numbers that cannot be held, all of them', () => {
    expect(faults('a: .nan\nb: { c: [-.inf] }\nd: 9007199254740993\ne: 0xFFFFFFFFFFFFFFFFF\nf: 1e400\n')).toEqual([
      'SPEC_INVALID_VALUE s.yaml:1:4 a must be a finite number (it is .nan)',
      'SPEC_INVALID_VALUE s.yaml:2:10 b.c.0 must be a finite number (it is -.inf)',
      'SPEC_INVALID_VALUE s.yaml:3:4 d cannot be held exactly (it is 9007199254740993)',
      'SPEC_INVALID_VALUE s.yaml:4:4 e cannot be held exactly (it is 0xFFFFFFFFFFFFFFFFF)',
      'SPEC_INVALID_VALUE s.yaml:5:4 f must be a finite number (it is 1e400)',
    ]);
    expect(read('a: 9007199254740991\nb: "9007199254740993"\nc: 1152921504606846976\n')).toEqual({
      a: 9007199254740991,
      b: '9007199254740993',
      c: 2 ** 60,
    });
  });

  it('is bounded: billion laughs, aliases within themselves, endless nesting', () => {
    const laughs = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]'];
    for (let i = 1; i < 10; i++)
      laughs.push(
        `a${i}: &a${i} [${Array<string>(10)
          .fill(`*a${i - 1}`)
          .join(', ')}]`,
      );
    const start = performance.now();
    expect(faults(laughs.join('\n'))[0]).toContain('too many values');
    expect(performance.now() - start).toBeLessThan(5000);
    expect(faults('a: &a { b: *a }\n')[0]).toMatch(/within what it is an alias of|no anchor/);
    expect(faults(`a: ${'['.repeat(200)}${']'.repeat(200)}\n`)[0]).toContain('nested too deeply');
  });
});
