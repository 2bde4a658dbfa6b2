import { describe, expect, it } from 'vitest';
import type { ByteImage, FloatImage } from '../plugin/contracts.js';
import { decodeImage } from './decode.js';
import { toFloatImage } from './quantize.js';
import { resize } from './resize.js';
import { differenceImage, pictureStrip, type StripRow } from './strip.js';
import { formula } from './testing/recorded.js';

const even = (value: number, size = 4): FloatImage => ({
  data: new Float32Array(size * size * 3).fill(value),
  height: size,
  width: size,
});

function cut({ data, width }: ByteImage, left: number, top: number, columns: number, rows: number): ByteImage {
  const out = new Uint8Array(columns * rows * 3);
  for (let y = 0; y < rows; y++) {
    const start = ((top + y) * width + left) * 3;
    out.set(data.subarray(start, start + columns * 3), y * columns * 3);
  }
  return { data: out, height: rows, width: columns };
}

const isWhite = (image: ByteImage) => image.data.every((value) => value === 255);
const darkest = (image: ByteImage) => image.data.reduce((a, b) => Math.min(a, b), 255);

describe('differenceImage', () => {
  it('is grey where images agree and shows the sign where they do not', () => {
    const before = even(0.5);
    const after = { ...before, data: Float32Array.from(before.data) };
    after.data[0] = 0.5 + 0.01;
    after.data[1] = 0.5 - 0.01;
    const { image, factor } = differenceImage(before, after);
    expect(factor).toBe(50);
    expect([...image.data.subarray(0, 3)]).toEqual([1, 0, 0.5].map((value) => expect.closeTo(value, 4) as number));
  });

  it.each([
    [0, 1],
    [0.04, 10],
    [0.02, 20],
    [0.9, 1],
    [1e-7, 1000],
  ])('multiplies a difference of %d by %d', (difference, factor) => {
    expect(differenceImage(even(0), even(difference)).factor).toBe(factor);
  });
});

describe('pictureStrip', () => {
  const small = formula(32, 32);
  const long = 'W'.repeat(300);
  const row = (caption: string): StripRow => ({
    label: 'an <id> & "more"',
    images: [
      { title: 'clean', caption, right: true, image: small },
      { title: 'attacked', caption, right: false, image: toFloatImage(small) },
    ],
  });

  it('holds the pictures enlarged pixel by pixel, with words below and between rows', async () => {
    const strip = await decodeImage(await pictureStrip([row('disc 99 %'), row('ring 5 %')]), 'strip');
    const enlarged = resize(small, { height: 192, width: 192, interpolation: 'nearest' });
    expect(strip.width).toBe(20 + 192 + 12 + 192 + 20);
    for (const left of [20, 224]) {
      expect(cut(strip, left, 50, 192, 192)).toEqual(enlarged);
      expect(cut(strip, left, 296, 192, 192)).toEqual(enlarged);
      // Title above and caption below, dark on white; nothing in the margin between the columns.
      expect(darkest(cut(strip, left, 20, 192, 28))).toBeLessThan(80);
      expect(darkest(cut(strip, left, 245, 192, 20))).toBeLessThan(140);
    }
    expect(isWhite(cut(strip, 0, 0, 19, strip.height))).toBe(true);
  });

  it('cuts captions that are too long for their column', async () => {
    const strip = await decodeImage(await pictureStrip([row(long)]), 'strip');
    expect(isWhite(cut(strip, 224 + 192 + 2, 0, 18, strip.height))).toBe(true);
  });

  it('makes a picture of no rows too', async () => {
    expect((await decodeImage(await pictureStrip([]), 'strip')).width).toBeGreaterThan(0);
  });
});
