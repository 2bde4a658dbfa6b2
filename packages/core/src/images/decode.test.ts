import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { ShieldError } from '../errors/index.js';
import { MUTATIONS } from '../testing/mutations.js';
import { sharedPath } from '../testing/shared-data.js';
import { decodeImage } from './decode.js';
import { resize } from './resize.js';
import { RECORDED, sha256 } from './testing/recorded.js';

const file = (name: string) => Buffer.from(RECORDED.files[name]!.file, 'base64');
const corrupt = (reason: RegExp) =>
  expect.objectContaining({ code: 'IMAGE_CORRUPT', message: expect.stringMatching(reason) as string }) as Error;

describe('decodeImage', () => {
  let folder: string;
  beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'shield-decode-'))));
  afterAll(() => rm(folder, { recursive: true }));

  it.each(Object.entries(RECORDED.files))('reads %s as Pillow does', async (name, { size, sha256: expected }) => {
    const image = await decodeImage(file(name), name);
    expect([image.height, image.width]).toEqual(size);
    expect(sha256(image.data)).toBe(expected);
  });

  it('reads from a path', async () => {
    const path = join(folder, 'photo.png');
    await writeFile(path, file('rgb.png'));
    expect(sha256((await decodeImage(path, 'photo')).data)).toBe(RECORDED.files['rgb.png']!.sha256);
  });

  it.each([
    'rgb.jpg',
    'progressive.jpg',
    'grey.jpg',
    'cmyk.jpg',
    'rgb.png',
    'wide.png',
    'rgb.webp',
    'palette.gif',
    'cmyk.tif',
  ])('refuses %s cut in half, naming it and its path', async (name) => {
    const half = file(name).subarray(0, file(name).length >> 1);
    const error = await decodeImage(half, 'n01_7', `/photos/${name}`).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(ShieldError);
    expect(error).toMatchObject({ code: 'IMAGE_CORRUPT', params: { id: 'n01_7', path: `/photos/${name}` } });
  });

  it('refuses what is empty, no image, no picture of pixels, or not there', async () => {
    await expect(decodeImage(new Uint8Array(), 'a')).rejects.toThrow(
      corrupt(/image a cannot be read: the file is empty/),
    );
    await expect(decodeImage(Buffer.from('not an image'), 'a')).rejects.toThrow(corrupt(/unsupported image format/));
    const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="5" height="5"/></svg>';
    await expect(decodeImage(Buffer.from(svg), 'a')).rejects.toThrow(corrupt(/svg files are not taken/));
    await expect(decodeImage(join(folder, 'none.png'), 'a')).rejects.toThrow(corrupt(/ENOENT/));
    await expect(decodeImage(folder, 'a')).rejects.toThrow(corrupt(/EISDIR/));
  });

  it('refuses an image of 3.6 billion pixels before it takes memory', async () => {
    const bomb = file('rgb.png');
    bomb.writeUInt32BE(60_000, 16);
    bomb.writeUInt32BE(60_000, 20);
    bomb.writeUInt32BE(crc32(bomb.subarray(12, 29)), 29); // of the header chunk, so that only its size is strange
    const before = process.memoryUsage().rss;
    await expect(decodeImage(bomb, 'bomb')).rejects.toThrow(corrupt(/exceeds pixel limit/));
    expect(process.memoryUsage().rss - before).toBeLessThan(200e6);
  });

  it('gives an image or IMAGE_CORRUPT for files damaged anywhere', async () => {
    const names = fc.constantFrom(
      'rgb.jpg',
      'progressive.jpg',
      'palette.png',
      'grey-wide.png',
      'rgb.webp',
      'palette.gif',
      'cmyk.jpg',
    );
    await fc.assert(
      fc.asyncProperty(
        names,
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 8 }),
        async (name, changes) => {
          const bytes = file(name);
          for (const [at, value] of changes) bytes[at % bytes.length] = value;
          const image = await decodeImage(bytes, name).catch((error: unknown) => error);
          if (image instanceof Error) expect(image).toMatchObject({ code: 'IMAGE_CORRUPT' });
          else expect(image).toHaveProperty('data');
        },
      ),
      { numRuns: 2 * MUTATIONS },
    );
  });
});

/** As PNG has it (polynomial 0xEDB88320). */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return ~crc >>> 0;
}

const photos = sharedPath('data/nips2017/images');

describe.skipIf(!photos)('the NIPS 2017 photos (skipped where they are not beside the checkout)', () => {
  it('are read, and scaled to 224 px, as by Pillow: no sample differs', async () => {
    // One in ten unless the whole is asked for: the 300 take ten seconds.
    const step = process.env['SHIELD_TEST_FULL'] ? 1 : 10;
    const names = (await readdir(photos!)).filter((name, i) => name in RECORDED.photos && i % step === 0);
    expect(names.length).toBeGreaterThan(0);
    for (const name of names) {
      const image = await decodeImage(await readFile(join(photos!, name)), name);
      const small = resize(image, { height: 224, width: 224, interpolation: 'bicubic' });
      expect(sha256(image.data).slice(0, 12) + sha256(small.data).slice(0, 12), name).toBe(RECORDED.photos[name]);
    }
  });
});
