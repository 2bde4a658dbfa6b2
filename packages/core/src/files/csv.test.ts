import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { parseCsv } from './csv.js';

const rows = (text: string) => parseCsv(text).rows.map((row) => Object.fromEntries(row));

describe('parseCsv', () => {
  it('reads quotes, commas and line breaks in quotes, any line ending, a byte order mark and empty lines', () => {
    expect(rows('\uFEFFa,b\r\n1,"x, ""y"""\r\n\r\n"two\nlines",\n3\r4,5')).toEqual([
      { a: '1', b: 'x, "y"' },
      { a: 'two\nlines', b: '' },
      { a: '3', b: '' },
      { a: '4', b: '5' },
    ]);
    expect(rows('')).toEqual([]);
    expect(parseCsv('a,b').header).toEqual(['a', 'b']);
  });

  it('names the line of a quote that is not closed or out of place', () => {
    expect(() => parseCsv('a\nb\n"c')).toThrow('line 3');
    expect(() => parseCsv('a\nb"c\nd')).toThrow('line 2');
  });

  it('reads whatever was written', () => {
    const cell = fc.string({ unit: fc.constantFrom('a', ',', '"', '\n', '\r\n', ' ', 'ü') });
    const table = fc.array(fc.tuple(fc.stringMatching(/^[a-z]+$/), cell), { minLength: 1, maxLength: 6 });
    const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`;
    fc.assert(
      fc.property(table, (lines) => {
        const text = ['x,y', ...lines.map(([x, y]) => `${x},${quoted(y)}`)].join('\n');
        expect(rows(text)).toEqual(lines.map(([x, y]) => ({ x, y })));
      }),
    );
  });
});
