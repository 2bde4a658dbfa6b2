import { readFileSync } from 'node:fs';
import { decodeExample, decodeImage, type ShieldError } from '@shield/core';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { encodeImage } from './image-example.js';
import type { PlannedImage } from './shard-plan.js';
import { drawnJpeg, valueOf } from './testing/raw-data.js';

/** What bench/record/odd_images.py recorded of Pillow: files, and their pixels as RGB. */
const ODD = JSON.parse(readFileSync(new URL('testing/odd-images.json', import.meta.url), 'utf8')) as {
  readonly height: number;
  readonly width: number;
  readonly files: Readonly<Record<string, { readonly file: string; readonly pixels: string }>>;
};

const image = (more: Partial<PlannedImage> = {}): PlannedImage => ({
  name: 'n01440764_3.JPEG',
  path: '/raw/train.tar',
  offset: 1024,
  size: 0,
  wnid: 'n01440764',
  label: 1,
  ...more,
});
const encode = async (bytes: Buffer, more: Partial<PlannedImage> = {}, check = false) =>
  decodeExample(await encodeImage(image(more), bytes, check));

/** Soft pictures: a quality of 100 keeps them nearly as they are, also with colours at half the resolution. */
const soft = () =>
  sharp({ create: { width: 48, height: 40, channels: 3, background: { r: 200, g: 90, b: 30 } } })
    .composite([
      {
        input: { create: { width: 24, height: 40, channels: 4, background: { r: 30, g: 120, b: 200, alpha: 1 } } },
        left: 0,
        top: 0,
      },
    ])
    .blur(6);

describe('encodeImage', () => {
  it('writes the nine keys of the original’s script, and the file byte for byte', async () => {
    const jpeg = await drawnJpeg(5);
    const features = await encode(jpeg);
    const plain = Object.fromEntries(Object.keys(features).map((key) => [key, valueOf(features, key)]));
    expect(plain).toEqual({
      'image/height': 16,
      'image/width': 24,
      'image/colorspace': 'RGB',
      'image/channels': 3,
      'image/class/label': 1,
      'image/class/synset': 'n01440764',
      'image/format': 'JPEG',
      'image/filename': 'n01440764_3.JPEG',
      'image/encoded': jpeg.toString('latin1'),
    });
  });

  it('adds boxes with the keys of TensorFlow’s script, also where an image has none', async () => {
    const boxes = [
      { xmin: 0.25, ymin: 0.5, xmax: 0.75, ymax: 1 },
      { xmin: 0, ymin: 0, xmax: 0.5, ymax: 0.5 },
    ];
    const features = await encode(await drawnJpeg(5), { boxes, label: 7 });
    expect(features['image/object/bbox/xmin']).toEqual({ kind: 'float', values: [0.25, 0] });
    expect(features['image/object/bbox/ymax']).toEqual({ kind: 'float', values: [1, 0.5] });
    expect(features['image/object/bbox/label']).toEqual({ kind: 'int64', values: [7, 7] });
    const none = await encode(await drawnJpeg(5), { boxes: [] });
    expect(none['image/object/bbox/ymin']).toEqual({ kind: 'float', values: [] });
  });

  it('makes an RGB JPEG of a PNG under the name of one, and of a CMYK JPEG', async () => {
    for (const bytes of [
      await soft().png().toBuffer(),
      await soft().toColourspace('cmyk').jpeg({ quality: 100 }).toBuffer(),
    ]) {
      const features = await encode(bytes);
      const jpeg = features['image/encoded']!.values[0] as Uint8Array;
      const { format, space, channels } = await sharp(jpeg).metadata();
      expect([format, space, channels]).toEqual(['jpeg', 'srgb', 3]);
      const [before, after] = await Promise.all([decodeImage(bytes, 'before'), decodeImage(jpeg, 'after')]);
      expect([valueOf(features, 'image/height'), valueOf(features, 'image/width')]).toEqual([40, 48]);
      const off = before.data.map((value, i) => Math.abs(value - after.data[i]!));
      expect(off.reduce((sum, value) => sum + value, 0) / off.length).toBeLessThan(2);
    }
  });

  it.each(Object.entries(ODD.files))('keeps of %s what Pillow sees in it', async (_, { file, pixels }) => {
    const bytes = Buffer.from(file, 'base64');
    const features = await encode(bytes);
    const jpeg = features['image/encoded']!.values[0] as Uint8Array;
    expect(Buffer.from(jpeg).equals(bytes)).toBe(false);
    const { data, height, width } = await decodeImage(jpeg, 'converted');
    expect([height, width]).toEqual([ODD.height, ODD.width]);
    const pillow = Buffer.from(pixels, 'base64');
    expect(data.length).toBe(pillow.length);
    const off = data.map((value, i) => Math.abs(value - pillow[i]!));
    expect(off.reduce((sum, value) => sum + value, 0) / off.length).toBeLessThan(1.5);
    expect(Math.max(...off)).toBeLessThan(16);
  });

  it('leaves grey JPEGs as they are, and takes progressive ones', async () => {
    for (const bytes of [
      await soft().greyscale().jpeg().toBuffer(),
      await soft().jpeg({ progressive: true }).toBuffer(),
    ]) {
      expect(Buffer.from((await encode(bytes))['image/encoded']!.values[0] as Uint8Array)).toEqual(bytes);
    }
  });

  it('refuses what cannot be read, naming the archive and the byte', async () => {
    const whole = await sharp({
      create: {
        width: 200,
        height: 160,
        channels: 3,
        background: '#808080',
        noise: { type: 'gaussian', mean: 128, sigma: 40 },
      },
    })
      .jpeg()
      .toBuffer();
    const bomb = Buffer.from(whole);
    const sof = bomb.indexOf(Buffer.of(0xff, 0xc0));
    bomb.writeUInt16BE(65000, sof + 5);
    bomb.writeUInt16BE(65000, sof + 7);
    const bad: [Buffer, RegExp][] = [
      [whole.subarray(0, whole.length / 2), /./],
      [whole.subarray(0, whole.length - 300), /./],
      [Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'), /neither a JPEG nor a PNG/],
      [bomb, /pixel/],
      [Buffer.of(0xff, 0xd8, 0xff), /./],
    ];
    for (const [bytes, reason] of bad) {
      const error = await encode(bytes).catch((thrown: unknown) => thrown as ShieldError);
      expect(error).toMatchObject({ code: 'IMAGE_CORRUPT', params: { path: '/raw/train.tar at byte 1024' } });
      expect((error as ShieldError).message).toMatch(reason);
    }
    // A decoder refuses these, too, and takes the whole.
    for (const [bytes] of bad) await expect(encode(bytes, {}, true)).rejects.toMatchObject({ code: 'IMAGE_CORRUPT' });
    await expect(encode(whole, {}, true)).resolves.toBeDefined();
  });
});
