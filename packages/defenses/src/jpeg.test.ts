import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Random } from '@shield/core';
import { sharedPath } from '@shield/core/testing';
import sharp from 'sharp';
import { defenseConformance } from '@shield/core/testing';
import { describe, expect, it } from 'vitest';
import jpeg from './jpeg.js';
import { drawnImage } from './jpeg-kernel/testing/drawn-image.js';

const random = new Random('jpeg.test');
const defaults = { quality: 75, subsampling: '4:2:0', idct: 'islow', codec: 'kernel' } as const;
type Options = Parameters<typeof jpeg.apply>[1];

const defended = async (seed: number, options: Partial<Options>) => {
  const image = drawnImage(seed, 3, 21 + (seed % 5), 34 + (seed % 7));
  return Buffer.from((await jpeg.apply(image, { ...defaults, ...options }, random)).data);
};

describe('jpeg', () => {
  it('gives the same pixels by the kernel and by sharp', async () => {
    for (let quality = 1; quality <= 100; quality += 9) {
      for (const subsampling of ['4:2:0', '4:4:4'] as const) {
        const options = { quality, subsampling };
        const byKernel = await defended(quality, options);
        expect(byKernel.equals(await defended(quality, { ...options, codec: 'sharp' }))).toBe(true);
      }
    }
  });

  it.each([
    { quality: 74 },
    { subsampling: '4:4:4' },
    { subsampling: '4:2:2' },
    { idct: 'ifast' },
  ] as Partial<Options>[])('heeds %o', async (options) => {
    expect((await defended(8, options)).equals(await defended(8, {}))).toBe(false);
  });

  it('leaves the image that it is given alone', async () => {
    const image = drawnImage(4, 3, 30, 20);
    const before = Buffer.from(image.data);
    await jpeg.apply(image, { ...defaults, quality: 5 }, random);
    expect(before.equals(image.data)).toBe(true);
  });

  it.each([{ subsampling: '4:2:2' }, { idct: 'ifast' }] as Partial<Options>[])(
    'says that sharp cannot do %o',
    async (options) => {
      await expect(defended(8, { ...options, codec: 'sharp' })).rejects.toMatchObject({ code: 'SPEC_INVALID_VALUE' });
    },
  );
});

describe('jpeg conforms', () => {
  const variations = {
    quality: [{ quality: 30 }],
    subsampling: [{ subsampling: '4:4:4' }, { subsampling: '4:2:2' }],
    idct: [{ idct: 'ifast' }],
    codec: [{ codec: 'sharp' }],
  };
  for (const { name, run } of defenseConformance(jpeg, { variations })) it(name, run);

  const photos = sharedPath('data/nips2017/images');
  it.skipIf(!photos)(
    'gives the same pixels by the kernel and by sharp on photos (skipped without the test data)',
    async () => {
      for (const [i, name] of readdirSync(photos!).slice(0, 12).entries()) {
        const file = sharp(join(photos!, name)).removeAlpha().toColourspace('srgb').raw();
        const { data, info } = await file.toBuffer({ resolveWithObject: true });
        const image = { data: new Uint8Array(data), height: info.height, width: info.width };
        const options = {
          ...defaults,
          quality: [20, 40, 60, 80][i % 4]!,
          subsampling: i % 3 ? '4:2:0' : '4:4:4',
        } as const;
        const byKernel = await jpeg.apply(image, options, random);
        const bySharp = await jpeg.apply(image, { ...options, codec: 'sharp' }, random);
        expect([name, Buffer.compare(byKernel.data as Uint8Array, bySharp.data as Uint8Array)]).toEqual([name, 0]);
      }
    },
  );
});
