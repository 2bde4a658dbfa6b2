import { Random } from '@shield/core';
import { defenseConformance } from '@shield/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nonLocalMeans } from './nlm.js';
import nonLocalMeansDefense from './non-local-means.js';
import { floatImage, largestDifference, recorded } from './testing/recorded.js';

const defaults = { search: 13, patch: 3, strength: 4 };
const random = new Random('non_local_means');

describe('non_local_means', () => {
  it("gives what OpenCV gave, but for OpenCV's rounding to 8 bits and of distances", async () => {
    const cases = recorded('non_local_means');
    expect(cases.length).toBeGreaterThan(4);
    for (const { image, options, pixels } of cases) {
      const { data } = await nonLocalMeansDefense.apply(image, { ...defaults, ...options }, random);
      const levels = (values: ArrayLike<number>) => Float32Array.from(values, (value) => 255 * value);
      const mean = levels(data).reduce((sum, value, i) => sum + Math.abs(value - 255 * pixels[i]!), 0) / data.length;
      expect(largestDifference(levels(data), levels(pixels)), JSON.stringify(options)).toBeLessThan(4);
      expect(mean, JSON.stringify(options)).toBeLessThan(1);
    }
  });

  it('is its definition, for any size, window and patch', () => {
    const side = fc.integer({ min: 1, max: 9 });
    const odd = fc.integer({ min: 0, max: 3 }).map((k) => 2 * k + 1);
    fc.assert(
      fc.property(
        side,
        side,
        odd,
        odd,
        fc.double({ min: 0.02, max: 1, noNaN: true }),
        fc.nat(500),
        (height, width, search, patch, strength, seed) => {
          const { data } = floatImage(seed, height, width);
          const found = nonLocalMeans(data, height, width, { search, patch, strength });
          expect(largestDifference(found, byDefinition(data, height, width, search, patch, strength))).toBeLessThan(
            1e-9,
          );
        },
      ),
      { numRuns: 60 },
    );
  });

  it('leaves a pattern that repeats, and smooths noise', async () => {
    const height = 16;
    const stripes = new Float32Array(height * height * 3).map((_, i) => (Math.floor(i / 3) % 4 < 2 ? 0.2 : 0.8));
    const noise = new Random('noise');
    const noisy = stripes.map((value) => value + 0.01 * noise.normal());
    const off = async (data: Float32Array) => {
      const result = await nonLocalMeansDefense.apply({ data, height, width: height }, defaults, random);
      return stripes.reduce((sum, value, i) => sum + (value - result.data[i]!) ** 2, 0);
    };
    expect(await off(stripes)).toBeLessThan(1e-9);
    const before = noisy.reduce((sum, value, i) => sum + (value - stripes[i]!) ** 2, 0);
    expect(await off(noisy)).toBeLessThan(before / 4);
  });

  it.each([{ search: 4 }, { patch: 2 }])('refuses %o', async (options) => {
    const image = floatImage(1, 3, 3);
    await expect(
      (async () => nonLocalMeansDefense.apply(image, { ...defaults, ...options }, random))(),
    ).rejects.toMatchObject({ code: 'SPEC_INVALID_VALUE' });
  });
});

describe('non_local_means conforms', () => {
  const variations = { search: [{ search: 3 }], patch: [{ patch: 5 }], strength: [{ strength: 20 }] };
  for (const { name, run } of defenseConformance(nonLocalMeansDefense, { variations, options: { strength: 30 } }))
    it(name, run);
});

function byDefinition(
  pixels: Float32Array,
  height: number,
  width: number,
  search: number,
  patch: number,
  strength: number,
): Float64Array {
  const fold = (at: number, length: number): number => {
    if (length === 1) return 0;
    if (at < 0) return fold(-at, length);
    return at >= length ? fold(2 * (length - 1) - at, length) : at;
  };
  const at = (y: number, x: number, c: number) => pixels[(fold(y, height) * width + fold(x, width)) * 3 + c]!;
  const around = (side: number) => Array.from({ length: side }, (_, k) => k - (side >> 1));
  const out = new Float64Array(pixels.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const sums = [0, 0, 0, 0];
      for (const dy of around(search)) {
        for (const dx of around(search)) {
          let square = 0;
          for (const py of around(patch)) {
            for (const px of around(patch)) {
              for (let c = 0; c < 3; c++) square += (at(y + py, x + px, c) - at(y + dy + py, x + dx + px, c)) ** 2;
            }
          }
          const weight = Math.exp(-square / (3 * patch * patch * strength * strength));
          for (let c = 0; c < 3; c++) sums[c]! += weight * at(y + dy, x + dx, c);
          sums[3]! += weight;
        }
      }
      for (let c = 0; c < 3; c++) out[(y * width + x) * 3 + c] = sums[c]! / sums[3]!;
    }
  }
  return out;
}
