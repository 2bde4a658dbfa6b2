import type { InverseDct } from '@shield/core/jpeg';
import { tensorflowDecoder, type DecodeByTensorflow } from '@shield/core/testing';
import sharp from 'sharp';
import { expect, it } from 'vitest';
import { jpegRoundTrip } from './kernel.js';
import type { Subsampling } from './settings.js';
import { drawnImage } from './testing/drawn-image.js';

const METHODS = [
  ['', 'ifast'],
  ['INTEGER_FAST', 'ifast'],
  ['INTEGER_ACCURATE', 'islow'],
] satisfies [Parameters<DecodeByTensorflow>[1], InverseDct][];

const decode = await tensorflowDecoder();

it.skipIf(!decode)("gives the pixels of TensorFlow's decode_jpeg (skipped without the native backend)", async () => {
  for (let k = 0; k < 90; k++) {
    const [method, idct] = METHODS[k % 3]!;
    const subsampling: Subsampling = k % 2 ? '4:2:0' : '4:4:4';
    const quality = 1 + ((k * 37) % 100);
    const [height, width] = [1 + ((k * 17) % 50), 1 + ((k * 23) % 61)];
    const image = drawnImage(k, 3, height, width);
    const options = { quality, chromaSubsampling: subsampling, mozjpeg: false, optimiseCoding: false };
    const file = await sharp(image.data, { raw: { height, width, channels: 3 } })
      .jpeg(options)
      .toBuffer();
    const expected = await decode!(file, method);
    const found = jpegRoundTrip(image, quality, { subsampling, idct }).data;
    const differences = found.filter((value, i) => value !== expected[i]).length;
    expect({ method, subsampling, quality, height, width, differences }).toMatchObject({ differences: 0 });
  }
});
