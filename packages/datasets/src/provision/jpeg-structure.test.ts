import fc from 'fast-check';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { jpegStructure } from './jpeg-structure.js';

const noisy = { width: 61, height: 47, channels: 3, background: '#808080', noise: { type: 'gaussian', mean: 128, sigma: 50 } } as const; // prettier-ignore

describe('jpegStructure', () => {
  it('tells size and components of baseline and progressive files, colour, grey and CMYK', async () => {
    const image = () => sharp({ create: noisy });
    const files: [Buffer, number][] = [
      [await image().jpeg({ quality: 95 }).toBuffer(), 3],
      [await image().jpeg({ progressive: true }).toBuffer(), 3],
      [await image().greyscale().toColourspace('b-w').jpeg().toBuffer(), 1],
      [await image().toColourspace('cmyk').jpeg().toBuffer(), 4],
    ];
    for (const [bytes, components] of files) {
      expect(jpegStructure(bytes)).toMatchObject({ height: 47, width: 61, components });
      // What stands behind the end mark is of no account, as for every decoder.
      expect(jpegStructure(Buffer.concat([bytes, Buffer.from('trailer')]))).toMatchObject({ components });
    }
  });

  it('believes no file that a decoder refuses for what stands before its scans', async () => {
    const raw = { width: 17, height: 15, channels: 3 } as const;
    const image = () =>
      sharp(
        Uint8Array.from({ length: 17 * 15 * 3 }, (_, i) => (i * i * 37) % 251),
        { raw },
      );
    let believed = 0;
    for (const whole of [await image().jpeg().toBuffer(), await image().jpeg({ progressive: true }).toBuffer()]) {
      const head = whole.lastIndexOf(Buffer.of(0xff, 0xda)) + 4;
      for (let at = 2; at < head; at++) {
        const bytes = Buffer.from(whole);
        bytes[at]! ^= 1 << (at % 8);
        if (!jpegStructure(bytes)) continue;
        believed++;
        // What a changed table makes of the scans is another matter: they may end early, which is no fault of the head.
        const refused = await sharp(bytes, { failOn: 'none', limitInputPixels: false })
          .stats()
          .then(() => undefined)
          .catch((error: Error) => error.message);
        expect(refused, `byte ${at}`).toBeUndefined();
      }
    }
    expect(believed).toBeGreaterThan(200);
  });

  it('knows every file that is cut off, and never believes one that decoders refuse for its markers', async () => {
    const whole = await sharp({ create: noisy }).jpeg({ quality: 95 }).toBuffer();
    for (let length = 0; length < whole.length; length++)
      expect(jpegStructure(whole.subarray(0, length))).toBeUndefined();
    const changes = fc.array(fc.record({ at: fc.nat(whole.length - 1), value: fc.nat(255) }), { maxLength: 3 });
    fc.assert(
      fc.property(changes, (all) => {
        const bytes = Buffer.from(whole);
        for (const { at, value } of all) bytes[at] = value;
        const found = jpegStructure(bytes);
        if (found) expect(found.height * found.width).toBeGreaterThan(0);
      }),
    );
    expect(jpegStructure(Buffer.from('GIF89a'))).toBeUndefined();
    expect(jpegStructure(Buffer.of(0xff, 0xd8, 0xff, 0xd9))).toBeUndefined();
  });
});
