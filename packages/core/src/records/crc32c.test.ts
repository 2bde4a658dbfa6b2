import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { crc32c, maskedCrc32c } from './crc32c.js';

const ascii = (text: string) => Buffer.from(text, 'ascii');

/** Bit by bit, straight from the definition. */
function bitwise(data: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of data) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}

describe('crc32c', () => {
  it('gives the published check value', () => expect(crc32c(ascii('123456789'))).toBe(0xe3069283));

  it('gives the vectors of RFC 3720, appendix B.4', () => {
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
    expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
    expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e);
    expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => 31 - i))).toBe(0x113fdb5c);
  });

  it('is the bitwise definition at every length and offset', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 70 }), fc.nat(9), (data, skip) => {
        const view = data.subarray(Math.min(skip, data.length));
        expect(crc32c(view)).toBe(bitwise(view));
      }),
    );
  });

  it('goes on from a seed', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(60), (data, at) => {
        expect(crc32c(data.subarray(at), crc32c(data.subarray(0, at)))).toBe(crc32c(data));
      }),
    );
  });

  it('masks as TensorFlow does', () => {
    // The masked CRC of the length field of a 4-byte record, as TensorFlow's writer puts it into a file.
    expect(maskedCrc32c(Uint8Array.of(4, 0, 0, 0, 0, 0, 0, 0))).toBe(
      bitwiseMask(bitwise(Uint8Array.of(4, 0, 0, 0, 0, 0, 0, 0))),
    );
  });
});

function bitwiseMask(crc: number): number {
  return Number(((BigInt(crc >>> 15) | ((BigInt(crc) << 17n) & 0xffffffffn)) + 0xa282ead8n) & 0xffffffffn);
}
