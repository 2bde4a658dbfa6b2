import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { parseOverride } from './override.js';
import { pythonLiteralToYaml } from './python-literal.js';
import { toPlain } from './tree.js';

function value(text: string): unknown {
  const override = parseOverride(text);
  return 'value' in override ? toPlain(override.value) : undefined;
}

describe('an override', () => {
  it('has YAML values', () => {
    expect(value('a=1')).toBe(1);
    expect(value('a=1e-3')).toBe(0.001);
    expect(value('a=true')).toBe(true);
    expect(value('a=null')).toBe(null);
    expect(value('a=')).toBe('');
    expect(value('a=x=y')).toBe('x=y');
    expect(value('a=[1, two, {b: c}]')).toEqual([1, 'two', { b: 'c' }]);
    expect(value('a="1"')).toBe('1');
    expect(value('a=${b.c}')).toBe('${b.c}');
  });

  it('has one of four actions', () => {
    expect(parseOverride('a.b[2].c=1')).toMatchObject({ action: 'set', path: ['a', 'b', '2', 'c'] });
    expect(parseOverride('+a=1')).toMatchObject({ action: 'add', path: ['a'] });
    expect(parseOverride('++a=1')).toMatchObject({ action: 'put', path: ['a'] });
    expect(parseOverride('~a.b')).toMatchObject({ action: 'remove', path: ['a', 'b'] });
    expect(parseOverride("attack_options={'eps': 16}")).toMatchObject({ action: 'options', path: ['attack'] });
  });

  it.each([
    '',
    '=',
    'a',
    'a..b=1',
    '.a=1',
    'a.=1',
    '~',
    '~a=1',
    'a[x]=1',
    'a={',
    'a=.nan',
    'a=99999999999999999999',
    "attack_options={'eps': ",
  ])('%j cannot be read', (text) =>
    expect(() => parseOverride(text)).toThrowError(expect.objectContaining({ code: 'OVERRIDE_SYNTAX' }) as Error),
  );

  it('reads back any value that YAML writes on one line', () => {
    const json = fc
      .jsonValue({ maxDepth: 3 })
      .filter((written) => JSON.stringify(written) !== '""' && !JSON.stringify(written).includes('__proto__'));
    fc.assert(
      fc.property(json, (written) => {
        const plain = JSON.parse(JSON.stringify(written)) as unknown;
        expect(value(`a.b=${JSON.stringify(plain)}`)).toEqual(plain);
        expect(value(`a.b=${stringify(plain, { collectionStyle: 'flow', lineWidth: 0 }).trimEnd()}`)).toEqual(plain);
      }),
    );
  });

  it('reads back any path', () => {
    const path = fc.array(fc.stringMatching(/^[A-Za-z_][\w-]{0,8}$|^\d{1,3}$/), { minLength: 1, maxLength: 5 });
    fc.assert(fc.property(path, (parts) => void expect(parseOverride(`+${parts.join('.')}=1`).path).toEqual(parts)));
  });

  it('never fails with anything but OVERRIDE_SYNTAX', () => {
    const text = fc.oneof(
      fc.string(),
      fc
        .array(
          fc.constantFrom(
            'a',
            '=',
            '+',
            '~',
            '.',
            '[',
            ']',
            '{',
            '}',
            ':',
            '"',
            "'",
            '&x ',
            '*x ',
            '!t ',
            '\n',
            '- ',
            '0',
          ),
        )
        .map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(text, (written) => {
        try {
          parseOverride(written);
        } catch (error) {
          expect(error).toMatchObject({ code: 'OVERRIDE_SYNTAX' });
        }
      }),
    );
  });
});

describe('a Python literal', () => {
  it.each([
    ["{'eps': 16}", { eps: 16 }],
    ["{'eps':16,'clip':None}", { eps: 16, clip: null }],
    ['{"a": True, \'b\': False, }', { a: true, b: false }],
    ["{'size': (8, 8), 'q': [20, (1.5, -2e3)]}", { size: [8, 8], q: [20, [1.5, -2000]] }],
    ["{'s': 'it\\'s (None)', 't': \"a: b\"}", { s: "it's (None)", t: 'a: b' }],
    ["{'say': '\"hi\"'}", { say: '"hi"' }],
    ["{'path': 'C:/x'}", { path: 'C:/x' }],
  ])('%s is read', (text, expected) => {
    expect(value(`attack_options=${text}`)).toEqual(expected);
  });

  it('leaves text in quotes alone', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[ -~]*$/), (text) => {
        const literal = `{'k': '${text.replace(/\\/g, '\\\\').replace(/'/g, "\\'")}'}`;
        expect(value(`attack_options=${literal}`)).toEqual({ k: text });
      }),
    );
    expect(pythonLiteralToYaml("('None', None)")).toBe('["None", null]');
  });
});
