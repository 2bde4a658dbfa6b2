import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { sharedPath } from '@shield/core/testing';
import sharp from 'sharp';
import { expect, it } from 'vitest';
import { jpegRoundTrip } from './kernel.js';

const photos = sharedPath('data/nips2017/images');

it.skipIf(!photos)('gives the pixels of libjpeg (sharp) on photos (skipped without the test data)', async () => {
  for (const [i, name] of readdirSync(photos!).slice(0, 16).entries()) {
    const quality = [20, 40, 60, 80, 95][i % 5]!;
    const subsampling = i % 3 ? '4:2:0' : '4:4:4';
    const { data, info } = await sharp(join(photos!, name))
      .removeAlpha()
      .toColourspace('srgb')
      .raw()
      .toBuffer({ resolveWithObject: true });
    const { height, width } = info;
    const file = await sharp(data, { raw: { height, width, channels: 3 } })
      .jpeg({ quality, chromaSubsampling: subsampling, mozjpeg: false, optimiseCoding: false })
      .toBuffer();
    const expected = await sharp(file).raw().toBuffer();
    const found = jpegRoundTrip({ data: new Uint8Array(data), height, width }, quality, { subsampling, idct: 'islow' });
    expect([name, Buffer.compare(expected, found.data)]).toEqual([name, 0]);
  }
});
