import { describe, expect, it as known, vi } from 'vitest';
import fc from 'fast-check';
import { crc32cByTables } from './crc32c-tables.js';
import { crc32c, hardwareCrc32c, maskedCrc32c } from './crc32c.js';

const ascii = (text: string) => Buffer.from(text, 'ascii');

/** Bit by bit, straight from the definition. */
function bitwise(data: Uint8Array, seed = 0): number {
  let crc = ~seed >>> 0;
  for (const byte of data) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}

const data = fc.oneof(fc.uint8Array({ maxLength: 300, size: 'max' }), fc.uint8Array({ maxLength: 5000, size: 'max' }));
const HARDWARE = hardwareCrc32c();

describe.each([
  ['crc32c', crc32c],
  ['crc32cByTables', crc32cByTables],
  ['hardwareCrc32c', HARDWARE],
])('%s', (_, given) => {
  const crc32c = given!;
  // Where the package has no binary there is nothing to be tested.
  const it = given ? known : known.skip;

  it('gives the published check value', () => expect(crc32c(ascii('123456789'))).toBe(0xe3069283));

  it('gives the vectors of RFC 3720, appendix B.4', () => {
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
    expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
    expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e);
    expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => 31 - i))).toBe(0x113fdb5c);
  });

  it('is the bitwise definition at every length and offset', () => {
    fc.assert(
      fc.property(data, fc.nat(17), fc.nat(2 ** 32 - 1), (data, skip, seed) => {
        const view = data.subarray(Math.min(skip, data.length));
        expect(crc32c(view)).toBe(bitwise(view));
        expect(crc32c(view, seed)).toBe(bitwise(view, seed));
      }),
    );
  });

  it('goes on from a seed', () => {
    fc.assert(
      fc.property(data, fc.nat(4000), (data, at) => {
        expect(crc32c(data.subarray(at), crc32c(data.subarray(0, at)))).toBe(crc32c(data));
      }),
    );
  });
});

describe('maskedCrc32c', () => {
  known('masks as TensorFlow does', () => {
    // The masked CRC of the length field of a 4-byte record, as TensorFlow's writer puts it into a file.
    expect(maskedCrc32c(Uint8Array.of(4, 0, 0, 0, 0, 0, 0, 0))).toBe(
      bitwiseMask(bitwise(Uint8Array.of(4, 0, 0, 0, 0, 0, 0, 0))),
    );
  });
});

describe('without a binary for the platform', () => {
  known('gives the same', async () => {
    vi.resetModules();
    vi.doMock('node:module', () => ({
      createRequire: () => (name: string) => {
        throw new Error(`Cannot find native binding of ${name}`);
      },
    }));
    const without = await import('./crc32c.js');
    vi.doUnmock('node:module');
    expect(without.hardwareCrc32c()).toBeUndefined();
    const long = Uint8Array.from({ length: 1000 }, (_, i) => (i * i) % 251);
    expect(without.crc32c(long)).toBe(bitwise(long));
  });
});

function bitwiseMask(crc: number): number {
  return Number(((BigInt(crc >>> 15) | ((BigInt(crc) << 17n) & 0xffffffffn)) + 0xa282ead8n) & 0xffffffffn);
}
