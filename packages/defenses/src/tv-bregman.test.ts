import { Random } from '@shield/core';
import { defenseConformance } from '@shield/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { kernelSweeper } from './split-bregman/kernel.js';
import { referenceSweeper } from './split-bregman/reference.js';
import { splitBregman } from './split-bregman/split-bregman.js';
import tvBregman from './tv-bregman.js';
import { floatImage, largestDifference, recorded } from './testing/recorded.js';

const defaults = { weight: 30, eps: 1e-3, max_iter: 100, isotropic: true, stop: 'together' } as const;
const random = new Random('tv_bregman');
const withoutKernel = kernelSweeper(1, 1) ? false : 'the kernel is not built: npm run build';

describe('tv_bregman', () => {
  it('gives what scikit-image gave', async () => {
    const cases = recorded('tv_bregman');
    expect(cases.length).toBeGreaterThan(6);
    for (const { image, options, pixels } of cases) {
      const { data } = await tvBregman.apply(image, { ...defaults, ...options }, random);
      const clipped = pixels.map((value) => Math.min(1, Math.max(0, value)));
      expect({ options, difference: largestDifference(data, clipped) < 2e-6 }).toEqual({ options, difference: true });
    }
  });

  it.skipIf(withoutKernel)('gives the same bits in WebAssembly and in TypeScript', () => {
    const side = fc.integer({ min: 1, max: 20 });
    const given = fc.record({
      weight: fc.double({ min: 0.01, max: 200, noNaN: true }),
      eps: fc.double({ min: 1e-6, max: 0.05, noNaN: true }),
      maxIterations: fc.integer({ min: 1, max: 30 }),
      isotropic: fc.boolean(),
      stopTogether: fc.boolean(),
    });
    fc.assert(
      fc.property(side, side, given, fc.nat(1000), (height, width, options, seed) => {
        const { data } = floatImage(seed, height, width);
        const byKernel = splitBregman(data, height, width, options, (h, w) => kernelSweeper(h, w)!);
        expect(byKernel).toEqual(splitBregman(data, height, width, options, referenceSweeper));
      }),
      { numRuns: 60 },
    );
  });

  it('ends at the minimum of what it minimises, where the shrinking is exact (anisotropic)', async () => {
    // Far from the frame, which is held to the image, so on an image whose edge is flat.
    const image = floatImage(8, 14, 11);
    for (let i = 0; i < image.data.length; i++) {
      const [y, x] = [Math.floor(i / 33), Math.floor(i / 3) % 11];
      if (y < 2 || x < 2 || y > 11 || x > 8) image.data[i] = 0.5;
    }
    const options = { ...defaults, weight: 4, eps: 1e-7, max_iter: 3000, isotropic: false };
    const { data } = await tvBregman.apply(image, options, random);
    const least = energy(data, image.data);
    const stream = new Random('shaken');
    for (let k = 0; k < 30; k++) {
      const scale = 0.03 * stream.uniform();
      const inside = (i: number) => {
        const [y, x] = [Math.floor(i / 33), Math.floor(i / 3) % 11];
        return y > 0 && x > 0 && y < 13 && x < 10;
      };
      const shaken = (data as Float32Array).map((value, i) => (inside(i) ? value + scale * stream.normal() : value));
      expect(energy(shaken, image.data)).toBeGreaterThan(least);
    }
  });

  it('leaves an image of one level as it is, and smooths the more, the smaller the weight', async () => {
    const flat = { data: new Float32Array(90).fill(0.25), height: 5, width: 6 };
    expect(largestDifference((await tvBregman.apply(flat, defaults, random)).data, flat.data)).toBeLessThan(1e-6);
    const image = floatImage(4, 24, 19);
    const rough = async (weight: number) => {
      const { data } = await tvBregman.apply(image, { ...defaults, weight }, random);
      return energy(data, data);
    };
    const [little, some, much] = [await rough(100), await rough(10), await rough(1)];
    expect(little).toBeGreaterThan(some);
    expect(some).toBeGreaterThan(much);
  });
});

describe('tv_bregman conforms', () => {
  const variations = {
    weight: [{ weight: 5 }],
    eps: [{ eps: 0.05 }],
    max_iter: [{ max_iter: 2 }],
    isotropic: [{ isotropic: false }],
    stop: [{ base: { eps: 1e-5, weight: 1 }, changed: { stop: 'separately' } }],
  };
  for (const { name, run } of defenseConformance(tvBregman, { variations })) it(name, run);
});

/** TV(u) + weight / 2 ‖u - image‖² at weight 4, for 14×11 pixels or any other of width 11 or 19. */
function energy(u: ArrayLike<number>, image: ArrayLike<number>): number {
  const width = u.length === 14 * 11 * 3 ? 11 : 19;
  let sum = 0;
  for (let i = 0; i < u.length; i++) {
    const x = Math.floor(i / 3) % width === width - 1 ? 0 : u[i + 3]! - u[i]!;
    const y = i + width * 3 >= u.length ? 0 : u[i + width * 3]! - u[i]!;
    sum += Math.abs(x) + Math.abs(y) + 2 * (u[i]! - image[i]!) ** 2;
  }
  return sum;
}
