import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Random, type FloatImage } from '@shield/core';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { convolve, gaussianWeights } from '../gaussian.js';
import { medianOfNine } from '../median/median-of-nine.js';
import { kernelConvolve, kernelMedianOfNine } from './kernel.js';

beforeAll(() => {
  execFileSync(process.execPath, [fileURLToPath(new URL('../../../../build-kernels.js', import.meta.url))]);
});

const side = fc.integer({ min: 1, max: 40 });

/** Floats of [0, 1], all different or of a few levels, zeros of either sign among them. */
function image(height: number, width: number, seed: number): FloatImage {
  const random = new Random('filters', seed);
  const level = () => [0, -0, 0.25, 1][random.integer(4)]!;
  const data = Float32Array.from({ length: height * width * 3 }, () => (seed % 2 ? level() : random.uniform()));
  return { data, height, width };
}

const bytes = ({ data }: Pick<FloatImage, 'data'>) => Buffer.from(data.buffer, data.byteOffset, data.byteLength);

describe('the kernel of filters', () => {
  it('gives the median of nine of the reference, to the bit, for images of any size', () => {
    fc.assert(
      fc.property(side, side, fc.nat(), (height, width, seed) => {
        const given = image(height, width, seed);
        const ordered = given.data.map((value) => value + 0);
        const expected = medianOfNine(new Int32Array(ordered.buffer), height, width, 3);
        const found = kernelMedianOfNine(given)!;
        expect([found.height, found.width]).toEqual([height, width]);
        expect(Buffer.compare(bytes(found), Buffer.from(expected.buffer))).toBe(0);
      }),
      { numRuns: 150 },
    );
  });

  it('gives the blur of the reference, to the bit, for images and bells of any size', () => {
    const sigma = fc.double({ min: 0.05, max: 12, noNaN: true });
    fc.assert(
      fc.property(side, side, sigma, fc.nat(), (height, width, deviation, seed) => {
        const given = image(height, width, seed);
        const weights = gaussianWeights(deviation, 1 + (seed % 4));
        expect(Buffer.compare(bytes(kernelConvolve(given, weights)!), bytes(convolve(given, weights)))).toBe(0);
      }),
      { numRuns: 150 },
    );
  });

  it('leaves nothing of one image in the next, and no result in the memory of another', () => {
    const [large, small] = [image(30, 33, 2), image(5, 4, 4)];
    const first = kernelMedianOfNine(large)!;
    const kept = Buffer.from(bytes(first));
    const alone = Buffer.from(bytes(kernelMedianOfNine(small)!));
    kernelConvolve(large, gaussianWeights(9, 4));
    expect(Buffer.compare(bytes(kernelMedianOfNine(small)!), alone)).toBe(0);
    expect(Buffer.compare(bytes(first), kept)).toBe(0);
  });
});
