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
      expect(jpegStructure(bytes)).toEqual({ height: 47, width: 61, components });
      // What stands behind the end mark is of no account, as for every decoder.
      expect(jpegStructure(Buffer.concat([bytes, Buffer.from('trailer')]))).toEqual({ height: 47, width: 61, components }); // prettier-ignore
    }
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
