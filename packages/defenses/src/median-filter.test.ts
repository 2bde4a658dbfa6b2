import { Random } from '@shield/core';
import { defenseConformance } from '@shield/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import medianFilter from './median-filter.js';
import { selectedMedian } from './median/selected-median.js';
import { slidingMedian } from './median/sliding-median.js';
import { medianOfFour } from './median/median-of-four.js';
import { medianOfNine } from './median/median-of-nine.js';
import { floatImage, recorded } from './testing/recorded.js';

const defaults = { size: 3, across_channels: false };
const random = new Random('median');

describe('median_filter', () => {
  it('gives the values that SciPy gave, to the bit', async () => {
    const cases = recorded('median_filter');
    expect(cases.length).toBeGreaterThan(10);
    for (const { image, options, pixels } of cases) {
      const { data } = await medianFilter.apply(image, { ...defaults, ...options }, random);
      expect({ options, data: [...data] }).toEqual({ options, data: [...pixels] });
    }
  });

  it('is the middle of the sorted window by each of its ways, for any size', () => {
    const side = fc.integer({ min: 1, max: 12 });
    fc.assert(
      fc.property(
        side,
        side,
        fc.integer({ min: 1, max: 9 }),
        fc.boolean(),
        fc.nat(),
        (height, width, size, deep, seed) => {
          // A few levels only, or many: with ties and without.
          const stream = new Random('median', seed);
          const bits = Int32Array.from({ length: height * width * 3 }, () =>
            stream.integer(seed % 2 ? 5 : 2 ** 31 - 1),
          );
          const expected = bySorting(bits, height, width, size, deep);
          expect(slidingMedian(bits, height, width, 3, size, deep)).toEqual(expected);
          expect(selectedMedian(bits, height, width, 3, size, deep)).toEqual(expected);
          if (size === 2 && !deep) expect(medianOfFour(bits, height, width, 3)).toEqual(expected);
          if (size === 3 && !deep) expect(medianOfNine(bits, height, width, 3)).toEqual(expected);
        },
      ),
      { numRuns: 80 },
    );
  });

  it('takes a negative zero for zero', async () => {
    const data = Float32Array.of(-0, 0, 0, -0, 0, 0.5, -0, 0, 0.5);
    const result = await medianFilter.apply({ data, height: 1, width: 3 }, defaults, random);
    expect([...result.data]).toEqual([0, 0, 0, 0, 0, 0.5, 0, 0, 0.5]);
  });

  it('removes single pixels and keeps edges', async () => {
    const data = new Float32Array(7 * 8 * 3).map((_, i) => (Math.floor(i / 3) % 8 < 4 ? 0.25 : 0.75));
    const clean = data.slice();
    data[(3 * 8 + 1) * 3] = 1;
    data[(5 * 8 + 6) * 3 + 1] = 0;
    const result = await medianFilter.apply({ data, height: 7, width: 8 }, defaults, random);
    expect(result.data).toEqual(clean);
  });

  it('refuses bytes', () => {
    const image = { data: new Uint8Array(12), height: 2, width: 2 };
    expect(() => medianFilter.apply(image, defaults, random)).toThrow(/float pixels/);
  });

  it('gives an image of one level back', async () => {
    const image = { ...floatImage(2, 5, 9), data: new Float32Array(135).fill(0.3) };
    for (const across of [false, true])
      for (const size of [2, 3, 6]) {
        const { data } = await medianFilter.apply(image, { size, across_channels: across }, random);
        expect(data).toEqual(image.data);
      }
  });
});

describe('median_filter conforms', () => {
  const variations = { size: [{ size: 2 }, { size: 5 }], across_channels: [{ across_channels: true }] };
  for (const { name, run } of defenseConformance(medianFilter, { variations })) it(name, run);
});

/** The definition: every window sorted. */
function bySorting(bits: Int32Array, height: number, width: number, size: number, deep: boolean): Int32Array {
  const fold = (at: number, length: number): number => {
    if (at < 0) return fold(-1 - at, length);
    return at >= length ? fold(2 * length - 1 - at, length) : at;
  };
  return bits.map((_, i) => {
    const [y, x, c] = [Math.floor(i / 3 / width), Math.floor(i / 3) % width, i % 3];
    const offsets = Array.from({ length: size }, (_, k) => k - Math.floor(size / 2));
    const window = offsets.flatMap((dy) =>
      offsets.flatMap((dx) =>
        (deep ? offsets : [0]).map(
          (dc) => bits[(fold(y + dy, height) * width + fold(x + dx, width)) * 3 + fold(c + dc, 3)]!,
        ),
      ),
    );
    return window.sort((a, b) => a - b)[Math.floor(window.length / 2)]!;
  });
}
