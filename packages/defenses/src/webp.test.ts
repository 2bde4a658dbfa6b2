import { Random } from '@shield/core';
import { defenseConformance } from '@shield/core/testing';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import webp from './webp.js';
import { drawnImage } from './jpeg-kernel/testing/drawn-image.js';

const defaults = { quality: 75, smart_subsample: false };
const random = new Random('webp');
const image = drawnImage(6, 3, 40, 56);
const meanChange = async (quality: number) => {
  const { data } = await webp.apply(image, { ...defaults, quality }, random);
  return image.data.reduce((sum, level, i) => sum + Math.abs(level - data[i]!), 0) / data.length;
};

describe('webp', () => {
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
      .webp({ quality: 30 })
      .toBuffer();
    expect((await sharp(file).metadata()).format).toBe('webp');
    const pixels = await sharp(file).removeAlpha().raw().toBuffer();
    const { data } = await webp.apply(image, { ...defaults, quality: 30 }, random);
    expect(Buffer.from(data).equals(pixels)).toBe(true);
  });

  it('refuses floats', async () => {
    const floats = { data: new Float32Array(12), height: 2, width: 2 };
    await expect((async () => webp.apply(floats, defaults, random))()).rejects.toThrow(/8-bit/);
  });
});

describe('webp conforms', () => {
  const variations = { quality: [{ quality: 20 }], smart_subsample: [{ smart_subsample: true }] };
  for (const { name, run } of defenseConformance(webp, { variations })) it(name, run);
});
