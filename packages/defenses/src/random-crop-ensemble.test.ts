import type { Tensor4D } from '@tensorflow/tfjs-core';
import { Random, resize } from '@shield/core';
import { defenseConformance } from '@shield/core/testing';
import { beforeAll, describe, expect, it } from 'vitest';
import randomCrop from './random-crop-ensemble.js';
import { derivatives, forwardAndApplied, openCpu } from './testing/gradient-checks.js';
import { floatImage, largestDifference } from './testing/recorded.js';

const defaults = { crop: 0.4, interpolation: 'bilinear' } as const;
type Gradient = (images: Tensor4D, randoms: readonly Random[], options: object) => Tensor4D;
beforeAll(openCpu);

describe('random_crop_ensemble', () => {
  it('gives one of the crops scaled up, and all of them over the draws', async () => {
    const image = floatImage(4, 6, 5);
    const [height, width] = [3, 3]; // halves are rounded up
    const crops: Float32Array[] = [];
    for (let top = 0; top <= 6 - height; top++) {
      for (let left = 0; left <= 5 - width; left++) {
        const data = new Float32Array(height * width * 3).map(
          (_, i) => image.data[((top + Math.floor(i / 9)) * 5 + left) * 3 + (i % 9)]!,
        );
        crops.push(resize({ data, height, width }, { height: 6, width: 5, interpolation: 'bilinear' }).data);
      }
    }
    const seen = new Set<number>();
    for (let draw = 0; draw < 200; draw++) {
      const { data } = await randomCrop.apply(image, { ...defaults, crop: 0.5 }, new Random('crop', draw));
      const which = crops.findIndex((crop) => largestDifference(crop, data) === 0);
      expect(which).toBeGreaterThanOrEqual(0);
      seen.add(which);
    }
    expect(seen.size).toBe(crops.length);
  });

  it('is the whole image at crop 1', async () => {
    const image = floatImage(8, 7, 12);
    const { data } = await randomCrop.apply(image, { ...defaults, crop: 1 }, new Random('crop'));
    expect(data).toEqual(image.data);
  });

  it.each(['nearest', 'bilinear'])('has a gradient function that gives the same image by %s', async (interpolation) => {
    const images = [4, 7, 11].map((seed) => floatImage(seed, 13, 9));
    for (const { forward, applied } of await forwardAndApplied(randomCrop, images, { ...defaults, interpolation })) {
      expect(largestDifference(forward.data, applied.data)).toBeLessThan(1e-6);
    }
  });

  it('has the derivative that differences show', () => {
    const images = [2, 6].map((seed) => {
      const image = floatImage(seed, 7, 10);
      return { ...image, data: image.data.map((value) => 0.3 + 0.4 * value) };
    });
    const through = (x: Tensor4D) => (randomCrop.gradient as Gradient)(x, [new Random('a'), new Random('b')], defaults);
    const { byGradient, byDifference } = derivatives(through, images, 0.01);
    expect(Math.abs(byGradient)).toBeGreaterThan(0.01);
    expect(byDifference).toBeCloseTo(byGradient, 3);
  });
});

describe('random_crop_ensemble conforms', () => {
  const variations = { crop: [{ crop: 0.8 }], interpolation: [{ interpolation: 'nearest' }] };
  for (const { name, run } of defenseConformance(randomCrop, { variations })) it(name, run);
});
