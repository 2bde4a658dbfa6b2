import { Random } from '@shield/core';
import { defenseConformance } from '@shield/core/testing';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import avif from './avif.js';
import { drawnImage } from './jpeg-kernel/testing/drawn-image.js';

const defaults = { quality: 50, subsampling: '4:2:0', effort: 4 } as const;
const random = new Random('avif');
const image = drawnImage(6, 3, 40, 56);
const meanChange = async (quality: number) => {
  const { data } = await avif.apply(image, { ...defaults, quality }, random);
  return image.data.reduce((sum, level, i) => sum + Math.abs(level - data[i]!), 0) / data.length;
};

describe('avif', () => {
  it('changes the image the less, the higher the quality, and never leaves it whole', async () => {
    const [rough, fair, fine] = [await meanChange(5), await meanChange(50), await meanChange(95)];
    expect(rough).toBeGreaterThan(fair);
    expect(fair).toBeGreaterThan(fine);
    expect(fine).toBeGreaterThan(0);
    expect(fine).toBeLessThan(16);
  });

  it('gives the pixels of the file that sharp writes', async () => {
    const { height, width } = image;
    const file = await sharp(image.data, { raw: { height, width, channels: 3 } })
      .avif({ quality: 30, chromaSubsampling: '4:2:0', effort: 4 })
      .toBuffer();
    expect((await sharp(file).metadata()).format).toBe('heif');
    const pixels = await sharp(file).removeAlpha().raw().toBuffer();
    const { data } = await avif.apply(image, { ...defaults, quality: 30 }, random);
    expect(Buffer.from(data).equals(pixels)).toBe(true);
  });

  it('refuses floats', async () => {
    const floats = { data: new Float32Array(12), height: 2, width: 2 };
    await expect((async () => avif.apply(floats, defaults, random))()).rejects.toThrow(/8-bit/);
  });
});

describe('avif conforms', () => {
  const variations = {
    quality: [{ quality: 20 }],
    subsampling: [{ subsampling: '4:4:4' }],
    effort: [{ effort: 0 }, { effort: 8 }],
  };
  for (const { name, run } of defenseConformance(avif, { variations })) it(name, run);
});
