import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor4D } from '@tensorflow/tfjs-core';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Random, type FloatImage } from '@shield/core';
import { sharedPath } from '@shield/core/testing';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { differentiableJpeg, differentiableSlq, pixelChoices, softRound } from './differentiable-jpeg.js';
import jpeg from './jpeg.js';
import { patchGrid } from './jpeg-kernel/patch-qualities.js';
import slq from './slq.js';
import { derivatives, forwardAndApplied, openCpu, stack } from './testing/gradient-checks.js';
import { largestDifference } from './testing/recorded.js';

const codec = { subsampling: '4:2:0', idct: 'islow', codec: 'kernel' } as const;
const slqDefaults = { qualities: [20, 40, 60, 80], weights: [], patch: 8, offset: [0, 0], ...codec };
beforeAll(openCpu);

/** Waves of several lengths with a little grain: coefficients as a photo has them, 0.15 to 0.85. */
function picture(seed: number, height: number, width: number): FloatImage {
  const stream = new Random('picture', seed);
  const data = Float32Array.from({ length: height * width * 3 }, (_, i) => {
    const [y, x, c] = [Math.floor(i / 3 / width), Math.floor(i / 3) % width, i % 3];
    const waves = Math.sin((y + seed) / 5 + c) + Math.cos((x * (2 + c)) / 9) + 0.5 * Math.sin((x * y) / 40);
    return Math.min(0.85, Math.max(0.15, 0.5 + 0.12 * waves + 0.02 * stream.normal()));
  });
  return { data, height, width };
}

const meanDifference = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a).reduce((sum, value, i) => sum + Math.abs(value - b[i]!), 0) / a.length;
const forwardOf = (images: readonly FloatImage[], fn: (x: Tensor4D) => Tensor4D) =>
  tf.tidy(() => fn(stack(images)).dataSync<'float32'>());

const SIZES = [
  [1, 1],
  [1, 9],
  [9, 1],
  [5, 4],
  [8, 8],
  [17, 33],
  [34, 18],
  [31, 22],
] as const;

describe('without soft rounding', () => {
  it.each(['4:2:0', '4:2:2', '4:4:4'] as const)(
    "is the codec but for the codec's own rounding to 8 bits (%s)",
    async (subsampling) => {
      for (const [height, width] of SIZES) {
        // At quality 100 every step is 1: what is left are roundings to whole numbers, in the codec and here.
        const image = picture(height, height, width);
        const bytes = { ...image, data: Uint8Array.from(image.data, (value) => Math.round(255 * value)) };
        const { data } = await jpeg.apply(bytes, { quality: 100, ...codec, subsampling }, new Random(0));
        const given = { ...image, data: Float32Array.from(bytes.data, (level) => level / 255) };
        const forward = forwardOf([given], (x) => differentiableJpeg(x, 100, subsampling, tf.round));
        const levels = forward.map((value) => 255 * value);
        expect(largestDifference(levels, data), `${height}×${width}`).toBeLessThan(6);
        expect(meanDifference(levels, data), `${height}×${width}`).toBeLessThan(1);
      }
    },
  );
});

describe('jpeg', () => {
  it.each([95, 75, 40, 20])('has a gradient function that is near the codec at quality %i', async (quality) => {
    const images = [1, 2].map((seed) => picture(seed, 40, 56));
    for (const [i, { forward, applied }] of (await forwardAndApplied(jpeg, images, { quality, ...codec })).entries()) {
      const off = 255 * meanDifference(forward.data, applied.data);
      expect(off).toBeLessThan(2.2);
      // Much nearer than doing nothing at all would be, once there is something to do.
      const done = 255 * meanDifference(images[i]!.data, applied.data);
      if (quality < 90) expect(off).toBeLessThan(done / 2);
    }
  });

  const photos = sharedPath('data/nips2017/images');
  it.skipIf(!photos)('is within 2.5 levels of the codec on photos, on the average (skipped without them)', async () => {
    for (const quality of [80, 40, 20]) {
      const images = await Promise.all(
        readdirSync(photos!)
          .slice(0, 2)
          .map(async (name) => {
            const pixels = await sharp(join(photos!, name)).resize(128, 128).removeAlpha().raw().toBuffer();
            return { data: Float32Array.from(pixels, (level) => level / 255), height: 128, width: 128 };
          }),
      );
      for (const { forward, applied } of await forwardAndApplied(jpeg, images, { quality, ...codec })) {
        expect(255 * meanDifference(forward.data, applied.data)).toBeLessThan(2.5);
      }
    }
  });

  it.each([
    [90, '4:4:4'],
    [75, '4:2:0'],
    [30, '4:2:2'],
  ] as const)('has the derivative that differences show (quality %i, %s)', (quality, subsampling) => {
    const images = [3, 4].map((seed) => picture(seed, 11, 18));
    checkDerivatives(images, (x, rounding) => differentiableJpeg(x, quality, subsampling, rounding));
  });

  it('lets a gradient through that plain rounding stops', () => {
    tf.tidy(() => {
      const x = stack([picture(5, 16, 16)]);
      const slope = (rounding: (x: Tensor) => Tensor) =>
        tf.grad((at) => tf.sum(tf.square(differentiableJpeg(at as Tensor4D, 50, '4:2:0', rounding))))(x);
      expect(slope(tf.round).abs().max().dataSync()[0]).toBe(0);
      expect(slope(softRound).abs().max().dataSync()[0]).toBeGreaterThan(1e-3);
    });
  });
});

describe('slq', () => {
  it('has a gradient function of the same draw as the defense', async () => {
    const images = [1, 2, 3].map((seed) => picture(seed, 35, 50));
    const options = { ...slqDefaults, qualities: [5, 95], patch: 11, offset: [3, 5] };
    for (const { forward, applied } of await forwardAndApplied(slq, images, options)) {
      expect(255 * meanDifference(forward.data, applied.data)).toBeLessThan(2.5);
      // Patch by patch: with another draw a patch of quality 5 would stand for one of 95.
      for (let top = 3; top + 11 <= 35; top += 11) {
        for (let left = 5; left + 11 <= 50; left += 11) {
          const patchOf = (data: Float32Array) =>
            Array.from({ length: 11 }, (_, y) => [
              ...data.subarray(((top + y) * 50 + left) * 3, ((top + y) * 50 + left + 11) * 3),
            ]).flat();
          expect(255 * meanDifference(patchOf(forward.data), patchOf(applied.data))).toBeLessThan(5);
        }
      }
    }
  });

  it('equals, patch by patch, the whole image at each quality', () => {
    const [height, width] = [21, 30];
    const image = picture(7, height, width);
    const qualities = [10, 50, 90];
    const { rows, columns } = patchGrid(height, width, 8, { y: 0, x: 0 });
    const stream = new Random('choice');
    const choice = Uint8Array.from({ length: rows * columns }, () => stream.integer(3));
    const patches = { qualities, patch: 8, offset: { y: 0, x: 0 }, choice };
    const mixed = forwardOf([image], (x) =>
      differentiableSlq(x, qualities, pixelChoices([patches], height, width), '4:2:0'),
    );
    const whole = qualities.map((quality) => forwardOf([image], (x) => differentiableJpeg(x, quality, '4:2:0')));
    const expected = mixed.map((_, i) => {
      const [y, x] = [Math.floor(i / 3 / width), Math.floor(i / 3) % width];
      return whole[choice[(y >> 3) * columns + (x >> 3)]!]![i]!;
    });
    expect(largestDifference(mixed, expected)).toBeLessThan(1e-6);
  });

  it('has the derivative that differences show', () => {
    const images = [3, 4].map((seed) => picture(seed, 16, 24));
    const patches = [0, 1].map((i) => ({
      qualities: [40, 80],
      patch: 8,
      offset: { y: 0, x: 0 },
      choice: Uint8Array.from([0, 1, i, 1, i, 0]),
    }));
    checkDerivatives(images, (x, rounding) =>
      differentiableSlq(x, [40, 80], pixelChoices(patches, 16, 24), '4:2:0', rounding),
    );
  });
});

/** Soft rounding jumps at halves, so directions are taken along which no coefficient passes one. */
function checkDerivatives(
  images: readonly FloatImage[],
  through: (x: Tensor4D, rounding: (steps: Tensor) => Tensor) => Tensor4D,
): void {
  let checked = 0;
  for (let seed = 0; seed < 40 && checked < 10; seed++) {
    const whole: string[] = [];
    const { byGradient, byDifference } = derivatives(
      (x) =>
        through(x, (steps) => {
          whole.push(Buffer.from(tf.round(steps).dataSync<'float32'>().buffer).toString('base64'));
          return softRound(steps);
        }),
      images,
      0.001,
      { seed, samples: 2 },
    );
    // Every call rounds the same planes in the same order.
    const planes = whole.length / 4;
    if (whole.some((now, i) => now !== whole[i % planes])) continue;
    checked++;
    expect(Math.abs(byDifference - byGradient)).toBeLessThan(0.01 + 0.01 * Math.abs(byGradient));
  }
  expect(checked).toBe(10);
}
