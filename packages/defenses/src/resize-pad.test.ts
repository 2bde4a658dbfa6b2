import type { Tensor4D } from '@tensorflow/tfjs-core';
import { Random } from '@shield/core';
import { defenseConformance } from '@shield/core/testing';
import { beforeAll, describe, expect, it } from 'vitest';
import resizePad from './resize-pad.js';
import { derivatives, forwardAndApplied, openCpu } from './testing/gradient-checks.js';
import { floatImage, largestDifference } from './testing/recorded.js';

const defaults = { smallest: 0.9, canvas: 1, interpolation: 'nearest', fill: 0 } as const;
type Options = { -readonly [K in keyof typeof defaults]: unknown };
type Gradient = (images: Tensor4D, randoms: readonly Random[], options: Options) => Tensor4D;
beforeAll(openCpu);

/** Where on the canvas there is something of an image that is white. */
async function covered(height: number, width: number, options: Partial<Options>, seed: number) {
  const image = { data: new Float32Array(height * width * 3).fill(1), height, width };
  const result = await resizePad.apply(image, { ...defaults, ...options }, new Random('resize_pad', seed));
  const at = (y: number, x: number) => result.data[(y * result.width + x) * 3] === 1;
  const rows = [...Array(result.height).keys()].filter((y) => [...Array(result.width).keys()].some((x) => at(y, x)));
  const columns = [...Array(result.width).keys()].filter((x) => [...Array(result.height).keys()].some((y) => at(y, x)));
  return { result, top: rows[0]!, left: columns[0]!, height: rows.length, width: columns.length };
}

describe('resize_pad', () => {
  it('draws every size and every place, and never leaves the canvas', async () => {
    const draws = await Promise.all([...Array(400).keys()].map((seed) => covered(10, 10, { smallest: 0.7 }, seed)));
    expect(new Set(draws.map(({ height }) => height))).toEqual(new Set([7, 8, 9, 10]));
    for (const side of [7, 8, 9]) {
      const places = draws.filter(({ height }) => height === side);
      expect(new Set(places.map(({ top }) => top)).size).toBe(10 - side + 1);
      expect(new Set(places.map(({ left }) => left)).size).toBe(10 - side + 1);
    }
    for (const { result, height, width } of draws)
      expect([result.height, result.width, width]).toEqual([10, 10, height]);
  });

  it("is the paper's with its numbers: 299 to 331, scaled to 299 at least", async () => {
    const { result, height } = await covered(299, 299, { smallest: 1, canvas: 331 / 299 }, 3);
    expect([result.height, result.width]).toEqual([331, 331]);
    expect(height).toBeGreaterThanOrEqual(299);
  });

  it('keeps the shape of images that are not square, and pads with the level that is asked for', async () => {
    const { result, height, width } = await covered(20, 40, { smallest: 0.5, canvas: 0.5, fill: 0.25 }, 1);
    expect([height, width, result.height, result.width]).toEqual([10, 20, 10, 20]);
    const drawn = await Promise.all([0, 1, 2, 3].map((seed) => covered(20, 40, { smallest: 0.25, fill: 0.25 }, seed)));
    const padded = drawn.filter(({ height }) => height < 20);
    expect(padded.length).toBeGreaterThan(0);
    for (const { result } of padded) expect(new Set(result.data)).toEqual(new Set([0.25, 1]));
  });

  it.each(['nearest', 'bilinear'])('has a gradient function that gives the same image by %s', async (interpolation) => {
    const images = [4, 7, 11].map((seed) => floatImage(seed, 13, 9));
    const options = { ...defaults, smallest: 0.6, canvas: 1.3, fill: 0.4, interpolation };
    for (const { forward, applied } of await forwardAndApplied(resizePad, images, options)) {
      expect([forward.height, forward.width]).toEqual([applied.height, applied.width]);
      expect(largestDifference(forward.data, applied.data)).toBeLessThan(1e-6);
    }
  });

  it('has the derivative that differences show', () => {
    const images = [2, 6].map((seed) => {
      const image = floatImage(seed, 7, 10);
      return { ...image, data: image.data.map((value) => 0.3 + 0.4 * value) };
    });
    const through = (x: Tensor4D) =>
      (resizePad.gradient as Gradient)(x, [new Random('a'), new Random('b')], {
        ...defaults,
        interpolation: 'bilinear',
      });
    const { byGradient, byDifference } = derivatives(through, images, 0.01);
    expect(Math.abs(byGradient)).toBeGreaterThan(0.01);
    expect(byDifference).toBeCloseTo(byGradient, 3);
  });

  it('refuses a smallest scale above the canvas', async () => {
    await expect(covered(4, 4, { smallest: 1.5 }, 0)).rejects.toMatchObject({ code: 'SPEC_INVALID_VALUE' });
  });
});

describe('resize_pad conforms', () => {
  const variations = {
    smallest: [{ smallest: 0.3 }],
    canvas: [{ canvas: 1.5 }],
    interpolation: [{ interpolation: 'bilinear' }],
    fill: [{ fill: 0.5 }],
  };
  for (const { name, run } of defenseConformance(resizePad, { variations, options: { smallest: 0.5 } })) it(name, run);
});
