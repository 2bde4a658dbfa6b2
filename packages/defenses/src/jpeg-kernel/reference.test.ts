import { createHash } from 'node:crypto';
import type { InverseDct } from '@shield/core/jpeg';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { jpegRoundTrip } from './reference.js';
import type { Samples, Subsampling } from './settings.js';
import { drawnImage } from './testing/drawn-image.js';
import { recordedTrips } from './testing/recorded.js';

async function libjpeg(image: Samples, quality: number, chromaSubsampling: string): Promise<Uint8Array> {
  const { data, height, width } = image;
  const channels = data.length === height * width ? 1 : 3;
  const raw = { raw: { height, width, channels } } as const;
  const options = { quality, chromaSubsampling, mozjpeg: false, optimiseCoding: false };
  const grey = channels === 1 ? sharp(data, raw).toColourspace('b-w') : sharp(data, raw);
  const file = await grey.jpeg(options).toBuffer();
  const decoded = sharp(file);
  const back = await (channels === 1 ? decoded.toColourspace('b-w') : decoded)
    .raw()
    .toBuffer({ resolveWithObject: true });
  expect(back.info.channels).toBe(channels);
  return new Uint8Array(back.data);
}

const differences = (a: Uint8Array, b: Uint8Array) => a.reduce((n, value, i) => n + (value === b[i] ? 0 : 1), 0);

describe.each(['4:2:0', '4:4:4'] satisfies Subsampling[])(
  'the reference against libjpeg (sharp), %s',
  (subsampling) => {
    const settings = { subsampling, idct: 'islow' } as const;

    it('gives the same pixels at every quality', async () => {
      for (let quality = 1; quality <= 100; quality++) {
        const image = drawnImage(quality, 3, 19 + (quality % 7), 17 + (quality % 11));
        const expected = await libjpeg(image, quality, subsampling);
        expect([quality, differences(jpegRoundTrip(image, quality, settings).data, expected)]).toEqual([quality, 0]);
      }
    });

    it('gives the same pixels at every size from 1×1 to 40×40 (each side met; pairs sampled)', async () => {
      for (let height = 1; height <= 40; height++) {
        for (let width = 1 + (height % 3); width <= 40; width += height <= 6 ? 1 : 3) {
          const image = drawnImage(height * 100 + width, 3, height, width);
          const quality = 1 + ((height * 41 + width * 7) % 100);
          const expected = await libjpeg(image, quality, subsampling);
          const found = differences(jpegRoundTrip(image, quality, settings).data, expected);
          expect([height, width, quality, found]).toEqual([height, width, quality, 0]);
        }
      }
    });
  },
);

describe('the reference on grey images', () => {
  it('gives the pixels of libjpeg', async () => {
    for (let quality = 1; quality <= 100; quality += 3) {
      const image = drawnImage(quality, 1, 1 + (quality % 23), 1 + (quality % 31));
      const expected = await libjpeg(image, quality, '4:2:0');
      const found = jpegRoundTrip(image, quality, { subsampling: '4:2:0', idct: 'islow' }).data;
      expect([quality, differences(found, expected)]).toEqual([quality, 0]);
    }
  });
});

describe.each(['islow', 'ifast'] satisfies InverseDct[])('the reference against Pillow and TurboJPEG, %s', (idct) => {
  it('gives the pixels that were recorded', () => {
    const trips = recordedTrips().filter((trip) => trip.idct === idct);
    expect(trips.length).toBeGreaterThan(100);
    for (const { sha256, seed, channels, height, width, quality, subsampling } of trips) {
      const { data } = jpegRoundTrip(drawnImage(seed, channels, height, width), quality, { subsampling, idct });
      const digest = createHash('sha256').update(data).digest('hex');
      expect({ seed, subsampling, height, width, quality, digest }).toMatchObject({ digest: sha256 });
    }
  });
});
