import type { Tensor4D } from '@tensorflow/tfjs-core';
import { Random } from '@shield/core';
import { defenseConformance } from '@shield/core/testing';
import { beforeAll, describe, expect, it } from 'vitest';
import gaussianBlur from './gaussian-blur.js';
import { derivatives, forwardAndApplied, openCpu } from './testing/gradient-checks.js';
import { floatImage, largestDifference, recorded } from './testing/recorded.js';

const defaults = { sigma: 1, truncate: 4 };
const random = new Random('gaussian_blur');
beforeAll(openCpu);

describe('gaussian_blur', () => {
  it('gives what SciPy gave', async () => {
    const cases = recorded('gaussian_blur');
    expect(cases.length).toBeGreaterThan(3);
    for (const { image, options, pixels } of cases) {
      const { data } = await gaussianBlur.apply(image, { ...defaults, ...options }, random);
      expect(largestDifference(data, pixels), JSON.stringify(options)).toBeLessThan(2e-7);
    }
  });

  it.each([
    [13, 9, 1],
    [1, 6, 2.5],
    [4, 3, 3],
  ])('has a gradient function that gives the same image (%i×%i, sigma %d)', async (height, width, sigma) => {
    const images = [4, 7].map((seed) => floatImage(seed, height, width));
    for (const { forward, applied } of await forwardAndApplied(gaussianBlur, images, { ...defaults, sigma })) {
      expect(largestDifference(forward.data, applied.data)).toBeLessThan(1e-6);
    }
  });

  it('has the derivative that differences show', () => {
    const gradient = gaussianBlur.gradient as (
      images: Tensor4D,
      randoms: Random[],
      options: typeof defaults,
    ) => Tensor4D;
    // Slopes, which no step pushes out of [0, 1] once they are drawn to the middle.
    const images = [2, 6].map((seed) => inner(floatImage(seed, 7, 10)));
    const { byGradient, byDifference } = derivatives((x) => gradient(x, [], { ...defaults, sigma: 1.5 }), images, 0.01);
    expect(Math.abs(byGradient)).toBeGreaterThan(0.01);
    expect(byDifference).toBeCloseTo(byGradient, 3);
  });

  it('keeps the mean of a mirrored image, and one level', async () => {
    const image = floatImage(3, 8, 8);
    const mean = (data: ArrayLike<number>) => Array.from(data).reduce((sum, value) => sum + value, 0) / data.length;
    const { data } = await gaussianBlur.apply(image, defaults, random);
    expect(mean(data)).toBeCloseTo(mean(image.data), 5);
    const flat = { ...image, data: new Float32Array(192).fill(1) };
    const result = await gaussianBlur.apply(flat, defaults, random);
    expect(largestDifference(result.data, flat.data)).toBeLessThan(1e-6);
  });
});

describe('gaussian_blur conforms', () => {
  const variations = { sigma: [{ sigma: 2 }], truncate: [{ truncate: 1.5 }] };
  for (const { name, run } of defenseConformance(gaussianBlur, { variations })) it(name, run);
});

function inner<I extends { data: Float32Array }>(image: I): I {
  return { ...image, data: image.data.map((value) => 0.3 + 0.4 * value) };
}
