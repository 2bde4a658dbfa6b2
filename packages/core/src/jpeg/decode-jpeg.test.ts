import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import sharp, { type JpegOptions } from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { MUTATIONS } from '../testing/mutations.js';
import { projectRoot, sharedPath } from '../testing/shared-data.js';
import { tensorflowDecoder } from '../testing/tensorflow-decoder.js';
import { plainMemory, decodeJpeg, referencePixels } from './decode-jpeg.js';
import { KernelDecoder } from './decode-kernel.js';
import type { InverseDct } from './inverse-dct.js';
import { readJpeg } from './read-jpeg.js';
import { decodedFiles } from './testing/decoded.js';

const METHODS = [
  ['ifast', ''],
  ['islow', 'INTEGER_ACCURATE'],
] as const;
const IDCTS = METHODS.map(([idct]) => idct);
const sha256 = (data: Uint8Array) => createHash('sha256').update(data).digest('hex');

/** Without the kernel. */
const byReference = (file: Buffer, idct: InverseDct) => referencePixels(readJpeg(file, Infinity, plainMemory), idct);

/** Where two images differ first, or -1. */
function firstDifference(found: Uint8Array, expected: Uint8Array): number {
  expect(found.length).toBe(expected.length);
  return found.findIndex((value, i) => value !== expected[i]);
}

const bySharp = (file: Buffer) => sharp(file).removeAlpha().toColourspace('srgb').raw().toBuffer();

beforeAll(() => {
  execFileSync(process.execPath, [join(projectRoot(), 'build-kernels.js')]);
});

it('has a kernel', () => {
  expect(KernelDecoder.open('ifast')).toBeDefined();
});

describe.each(IDCTS)("against TensorFlow's decode_jpeg, %s", (idct) => {
  it.each([
    ['the kernel', (file: Buffer) => decodeJpeg(file, idct).data],
    ['the reference', (file: Buffer) => byReference(file, idct)],
  ])('%s gives the pixels that were recorded: samplings, scans, restarts, colours, sizes from 1×1', (_, decode) => {
    const files = decodedFiles();
    expect(files.length).toBeGreaterThan(100);
    for (const { name, height, width, file, [idct]: digest } of files)
      expect({ name, height, width, digest: sha256(decode(file)) }).toEqual({ name, height, width, digest });
  });

  it('passes over what stands between the end of a scan and the next marker, and behind the end mark', () => {
    const { file, [idct]: digest } = decodedFiles().find(
      ({ name, height }) => name === '4:2:0 baseline' && height > 7,
    )!;
    const odd = Buffer.concat([file.subarray(0, -2), Buffer.from('some bytes'), file.subarray(-2), Buffer.of(0xff, 1)]);
    expect(sha256(decodeJpeg(odd, idct).data)).toBe(digest);
  });
});

const image = fc.record({
  height: fc.integer({ min: 1, max: 70 }),
  width: fc.integer({ min: 1, max: 70 }),
  seed: fc.nat(),
});
const encoding = fc.record({
  quality: fc.integer({ min: 1, max: 100 }),
  chromaSubsampling: fc.constantFrom('4:2:0', '4:4:4'),
  progressive: fc.boolean(),
  optimiseCoding: fc.boolean(),
  trellisQuantisation: fc.boolean(),
  optimiseScans: fc.boolean(),
});

/** Noise of some strength over a slope, encoded; grey where `seed` says so. */
async function encoded(
  { height, width, seed }: typeof image extends fc.Arbitrary<infer T> ? T : never,
  options: JpegOptions,
): Promise<Buffer> {
  const channels = seed % 7 === 0 ? 1 : 3;
  const data = Uint8Array.from({ length: height * width * channels }, (_, i) => {
    const noise = (Math.imul(i + seed, 2654435761) >>> 24) % (1 + (seed % 256));
    return (i * (1 + (seed % 5)) + noise) & 255;
  });
  const picture = sharp(data, { raw: { height, width, channels } });
  return (channels === 1 ? picture.toColourspace('b-w') : picture).jpeg(options).toBuffer();
}

it('gives the pixels of sharp with islow, whatever sharp encodes', { timeout: 600_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(image, encoding, async (what, how) => {
      const file = await encoded(what, how);
      const expected = await bySharp(file);
      expect(firstDifference(decodeJpeg(file, 'islow').data, expected)).toBe(-1);
      expect(firstDifference(byReference(file, 'islow'), expected)).toBe(-1);
    }),
    { numRuns: 2 * MUTATIONS },
  );
});

it('gives the same pixels with the kernel as without, ifast', { timeout: 600_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(image, encoding, async (what, how) => {
      const file = await encoded(what, how);
      expect(firstDifference(decodeJpeg(file, 'ifast').data, byReference(file, 'ifast'))).toBe(-1);
    }),
    { numRuns: MUTATIONS },
  );
});

const byTensorflow = await tensorflowDecoder();

it.skipIf(!byTensorflow)(
  "gives TensorFlow's pixels, whatever sharp encodes (skipped without the native backend)",
  { timeout: 600_000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(image, encoding, async (what, how) => {
        const file = await encoded(what, how);
        for (const [idct, method] of METHODS)
          expect(firstDifference(decodeJpeg(file, idct).data, await byTensorflow!(file, method))).toBe(-1);
      }),
      { numRuns: MUTATIONS },
    );
  },
);

const photos = sharedPath('data/imagenette/val');

it.skipIf(!photos)(
  'gives the pixels of sharp, and of TensorFlow, on photos (skipped without the test data)',
  { timeout: 600_000 },
  async () => {
    // One in twenty unless the whole is asked for.
    const step = process.env['SHIELD_TEST_FULL'] ? 1 : 20;
    const names = (readdirSync(photos!, { recursive: true }) as string[])
      .filter((name) => name.endsWith('.JPEG'))
      .sort();
    for (const name of names.filter((_, i) => i % step === 0)) {
      const file = readFileSync(join(photos!, name));
      expect([name, firstDifference(decodeJpeg(file, 'islow').data, await bySharp(file))]).toEqual([name, -1]);
      if (!byTensorflow) continue;
      const expected = await byTensorflow(file, '');
      expect([name, firstDifference(decodeJpeg(file, 'ifast').data, expected)]).toEqual([name, -1]);
    }
  },
);
