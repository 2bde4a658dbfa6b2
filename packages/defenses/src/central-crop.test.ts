import type { Tensor4D } from '@tensorflow/tfjs-core';
import { defenseConformance } from '@shield/core/testing';
import { beforeAll, describe, expect, it, test } from 'vitest';
import centralCrop from './central-crop.js';
import recorded from './testing/central-crop.json' with { type: 'json' };
import { derivatives, forwardAndApplied, openCpu } from './testing/gradient-checks.js';
import { floatImage, largestDifference } from './testing/recorded.js';

const defaults = { share: 0.875, interpolation: 'bilinear' } as const;
beforeAll(openCpu);

describe('central_crop conforms', () => {
  const variations = { share: [{ share: 0.5 }], interpolation: [{ interpolation: 'bilinear_tf1' }] };
  for (const { name, run } of defenseConformance(centralCrop, { variations })) test(name, run);
});

describe('central_crop', () => {
  it("gives TensorFlow 1's pixels with bilinear_tf1", async () => {
    const [height, width] = recorded.size as [number, number];
    const wave = (k: number) => 0.5 + 0.5 * Math.sin(12.9898 * k + 3) * Math.cos(0.7071 * k);
    const data = Float32Array.from({ length: height * width * 3 }, (_, k) => wave(k));
    const options = { ...defaults, interpolation: 'bilinear_tf1' } as const;
    const result = await centralCrop.apply({ data, height, width }, options, undefined as never);
    for (const [y, row] of Object.entries(recorded.rows)) {
      const got = result.data.subarray(Number(y) * width * 3, (Number(y) + 1) * width * 3);
      row.forEach((value, k) => expect(got[k]).toBeCloseTo(value, 5));
    }
  });

  it('of the whole changes nothing', async () => {
    const image = floatImage(3, 12, 17);
    const result = await centralCrop.apply(image, { ...defaults, share: 1 }, undefined as never);
    expect(largestDifference(result.data, image.data)).toBeLessThan(1e-6);
  });

  it.each(['bilinear', 'bilinear_tf1'])('has a gradient function that gives the same image by %s', async (how) => {
    const images = [4, 7].map((seed) => floatImage(seed, 13, 9));
    const options = { ...defaults, share: 0.6, interpolation: how };
    for (const { forward, applied } of await forwardAndApplied(centralCrop, images, options))
      expect(largestDifference(forward.data, applied.data)).toBeLessThan(1e-5);
    const through = (x: Tensor4D) =>
      (centralCrop.gradient as (x: Tensor4D, r: [], o: object) => Tensor4D)(x, [], options);
    const { byGradient, byDifference } = derivatives(through, images, 1e-2);
    expect(Math.abs(byGradient - byDifference)).toBeLessThan(1e-2 * Math.max(1, Math.abs(byDifference)));
  });
});
