import { createHash } from 'node:crypto';
import { Random } from '@shield/core';
import { defenseConformance } from '@shield/core/testing';
import { describe, expect, it } from 'vitest';
import jpeg from './jpeg.js';
import { drawnImage } from './jpeg-kernel/testing/drawn-image.js';
import { recordedTrips } from './jpeg-kernel/testing/recorded.js';

const random = new Random('jpeg.test');
const defaults = { quality: 75, subsampling: '4:2:0', idct: 'islow', codec: 'kernel' } as const;
type Options = Parameters<typeof jpeg.apply>[1];

const defended = async (seed: number, options: Partial<Options>) => {
  const image = drawnImage(seed, 3, 21 + (seed % 5), 34 + (seed % 7));
  return Buffer.from((await jpeg.apply(image, { ...defaults, ...options }, random)).data);
};

describe('jpeg', () => {
  it.each(['kernel', 'sharp'] as const)('by %s gives the pixels that Pillow and TurboJPEG gave', async (codec) => {
    const colour = recordedTrips().filter(({ channels }) => channels === 3);
    const able = colour.filter(
      ({ idct, subsampling }) => codec === 'kernel' || (idct === 'islow' && subsampling !== '4:2:2'),
    );
    expect(able.length).toBeGreaterThan(100);
    expect(new Set(able.map(({ quality }) => quality)).size).toBeGreaterThan(20);
    for (const { seed, height, width, quality, subsampling, idct, sha256 } of able) {
      const options = { quality, subsampling, idct, codec };
      const { data } = await jpeg.apply(drawnImage(seed, 3, height, width), options, random);
      const digest = createHash('sha256')
        .update(data as Uint8Array)
        .digest('hex');
      expect({ ...options, height, width, digest }).toEqual({ ...options, height, width, digest: sha256 });
    }
  });

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
});
