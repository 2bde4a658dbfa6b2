import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { plainLines } from './plain-lines.js';

function plain(...chunks: readonly string[]): string {
  let text = '';
  const lines = plainLines((line) => (text += line));
  for (const chunk of chunks) lines.write(chunk);
  lines.end();
  return text;
}

describe('plainLines', () => {
  it('leaves plain text alone', () => {
    expect(plain('one\n\n  two\twith a tab, é, 🐼\n')).toBe('one\n\n  two\twith a tab, é, 🐼\n');
    expect(plain('no newline')).toBe('no newline\n');
    expect(plain('windows\r\nlines\r\n')).toBe('windows\nlines\n');
  });

  it('takes control sequences out', () => {
    expect(plain('\u001b[1;31mred\u001b[0m \u001b[?25lx\u001b[2K\n')).toBe('red x\n');
    expect(plain('\u001b]8;;http://a.b/c\u001b\\link\u001b]8;;\u0007 \u001b(Bend\u0008\u0007\n')).toBe('link end\n');
  });

  it('keeps the last painting of a line', () => {
    expect(plain('10 %\r50 %\r100 %\ndone\n')).toBe('100 %\ndone\n');
    expect(plain('\r\u001b[K10 %', '\r\u001b[K90 %', '\r\u001b[K', 'done\n')).toBe('done\n');
    expect(plain('90 %\r')).toBe('90 %\n');
  });

  it('does not depend on how the text comes', () => {
    const piece = fc.constantFrom(
      'a',
      'b c',
      '\n',
      '\r',
      '\r\n',
      '\u001b[31m',
      '\u001b[2K',
      '\u001b]0;title\u0007',
      'é',
      '\u001b(B',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), fc.array(fc.nat(60), { maxLength: 6 }), (pieces, cuts) => {
        const text = pieces.join('');
        const places = [0, ...cuts.map((cut) => Math.min(cut, text.length)).sort((a, b) => a - b), text.length];
        const chunks = places.slice(1).map((end, i) => text.slice(places[i], end));
        expect(plain(...chunks)).toBe(plain(text));
        expect(plain(text)).not.toMatch(/[\u001b\r\u0007]/);
      }),
      { numRuns: 500 },
    );
  });
});
