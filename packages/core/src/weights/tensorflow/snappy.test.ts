import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SnappyError, snappyDecompress } from './snappy.js';

type Element = { literal: number[] } | { back: number; count: number; form: 1 | 2 | 4 };

/** Encodes elements as the format's description says, and what they stand for, made the slow way. */
function encode(elements: readonly Element[]): { block: Uint8Array; plain: Uint8Array } {
  const body: number[] = [];
  const plain: number[] = [];
  for (const element of elements) {
    if ('literal' in element) {
      const { literal } = element;
      const n = literal.length - 1;
      if (n < 60) body.push(n << 2);
      else body.push(61 << 2, n & 255, n >> 8);
      for (const byte of literal) body.push(byte);
      plain.push(...literal);
      continue;
    }
    if (plain.length === 0) continue;
    const back = 1 + (element.back % Math.min(plain.length, element.form === 1 ? 2047 : 65535));
    const count = element.form === 1 ? 4 + (element.count % 8) : 1 + (element.count % 64);
    if (element.form === 1) body.push(((back >> 8) << 5) | ((count - 4) << 2) | 1, back & 255);
    else if (element.form === 2) body.push(((count - 1) << 2) | 2, back & 255, back >> 8);
    else body.push(((count - 1) << 2) | 3, back & 255, back >> 8, 0, 0);
    for (let i = 0; i < count; i++) plain.push(plain[plain.length - back]!);
  }
  const length: number[] = [];
  for (let rest = plain.length; ; rest >>>= 7) {
    if (rest < 128) {
      length.push(rest);
      break;
    }
    length.push((rest & 127) | 128);
  }
  return { block: Uint8Array.from([...length, ...body]), plain: Uint8Array.from(plain) };
}

const literal = fc.record({ literal: fc.array(fc.nat(255), { minLength: 1, maxLength: 300 }) });
const copy = fc.record({ back: fc.nat(70_000), count: fc.nat(63), form: fc.constantFrom(1 as const, 2 as const, 4 as const) }); // prettier-ignore
const blocks = fc.array(fc.oneof(literal, copy), { maxLength: 30 }).map(encode);

describe('snappy', () => {
  it('gives what was compressed, copies that overlap themselves included', () => {
    expect(Buffer.from(snappyDecompress(encode([{ literal: [97, 98] }, { back: 1, count: 9, form: 2 }]).block)).toString()).toBe('abababababab'); // prettier-ignore
    fc.assert(fc.property(blocks, ({ block, plain }) => void expect(snappyDecompress(block)).toEqual(plain)));
  });

  it('refuses what is cut off or altered, or gives as many bytes as were claimed', () => {
    const change = fc.record({ at: fc.nat(), byte: fc.nat(255), keep: fc.nat() });
    fc.assert(
      fc.property(blocks, change, ({ block, plain }, { at, byte, keep }) => {
        expect(() => snappyDecompress(block.subarray(0, block.length - 1))).toThrow(SnappyError);
        const changed = block.slice(0, 1 + (keep % block.length));
        const index = at % changed.length;
        changed[index] = byte;
        try {
          const out = snappyDecompress(changed);
          expect(out.length <= (64 / 3) * changed.length).toBe(true);
          if (index > 4) expect(out.length).toBe(plain.length);
        } catch (error) {
          expect(error).toBeInstanceOf(SnappyError);
        }
      }),
      { numRuns: 1000 },
    );
  });
});
