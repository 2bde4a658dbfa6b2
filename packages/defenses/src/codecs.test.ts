import { Random } from '@shield/core';
import { defenseConformance } from '@shield/core/testing';
import sharp, { type Sharp } from 'sharp';
import { describe, expect, it } from 'vitest';
import avif from './avif.js';
import { drawnImage } from './jpeg-kernel/testing/drawn-image.js';
import webp from './webp.js';

const image = drawnImage(6, 3, 40, 56);
const codecs = [
  {
    codec: avif,
    defaults: { quality: 50, subsampling: '4:2:0', effort: 4 },
    format: 'heif',
    write: (pipeline: Sharp) => pipeline.avif({ quality: 30, chromaSubsampling: '4:2:0', effort: 4 }),
    variations: {
      quality: [{ quality: 20 }],
      subsampling: [{ subsampling: '4:4:4' }],
      effort: [{ effort: 0 }, { effort: 8 }],
    },
  },
  {
    codec: webp,
    defaults: { quality: 75, smart_subsample: false },
    format: 'webp',
    write: (pipeline: Sharp) => pipeline.webp({ quality: 30 }),
    variations: { quality: [{ quality: 20 }], smart_subsample: [{ smart_subsample: true }] },
  },
];

describe.each(codecs)('$codec.name', ({ codec, defaults, format, write, variations }) => {
  const random = new Random('codec');
  const meanChange = async (quality: number) => {
    const { data } = await codec.apply(image, { ...defaults, quality }, random);
    return image.data.reduce((sum, level, i) => sum + Math.abs(level - data[i]!), 0) / data.length;
  };

  it('changes the image the less, the higher the quality, and never leaves it whole', async () => {
    const [rough, fair, fine] = [await meanChange(5), await meanChange(50), await meanChange(95)];
    expect(rough).toBeGreaterThan(fair);
    expect(fair).toBeGreaterThan(fine);
    expect(fine).toBeGreaterThan(0);
    expect(fine).toBeLessThan(16);
  });

  it('gives the pixels of the file that sharp writes', async () => {
    const { height, width } = image;
    const file = await write(sharp(image.data, { raw: { height, width, channels: 3 } })).toBuffer();
    expect((await sharp(file).metadata()).format).toBe(format);
    const pixels = await sharp(file).removeAlpha().raw().toBuffer();
    const { data } = await codec.apply(image, { ...defaults, quality: 30 }, random);
    expect(Buffer.from(data).equals(pixels)).toBe(true);
  });

  it('refuses floats', async () => {
    const floats = { data: new Float32Array(12), height: 2, width: 2 };
    await expect((async () => codec.apply(floats, defaults, random))()).rejects.toThrow(/8-bit/);
  });

  describe('conforms', () => {
    for (const { name, run } of defenseConformance(codec, { variations })) it(name, run);
  });
});
