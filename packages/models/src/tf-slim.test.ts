import * as tf from '@tensorflow/tfjs-core';
import { openBackend, rowMajorStrides, sizeOf, type WeightMap, type WeightTensor } from '@shield/core';
import { beforeAll, expect, it } from 'vitest';
import { uniformOf } from './testing/like-tf-slim.js';
import type { SlimNetwork } from './tf-slim-ops.js';
import { FoldingInPlace } from './tf-slim-folding.js';
import { slimVariables } from './tf-slim-variables.js';
import { slimModel } from './tf-slim.js';

const tiny: SlimNetwork = {
  scope: 'Tiny',
  gamma: true,
  epsilon: 1e-3,
  dropout: 0,
  forward: (ops, x) => ops.logits(ops.globalPool(ops.convolution(x, 'Conv2d', 8, [3, 3])), 'Logits', 'matrix'),
};

function weights(): WeightMap {
  return new Map(
    [...slimVariables(tiny, 4)].map(([name, shape]) => {
      const draw = uniformOf(name);
      const data = Float32Array.from({ length: sizeOf(shape) }, (_, i) => 1.5 + draw(i));
      return [name, { shape, strides: rowMajorStrides(shape), data }];
    }),
  );
}

beforeAll(() => openBackend('cpu', { log: () => undefined, warn: () => undefined }));

it('leaves the weights as they are, but for those that nobody else needs: they become its own, in whatever order they arrive', () => {
  const images = tf.fill<tf.Rank.R4>([1, 8, 8, 3], 0.75);
  const logitsOf = (stored: WeightMap, folding?: FoldingInPlace) => {
    const model = slimModel(tiny, {
      weights: stored,
      ...(folding && { folding }),
      weightsDigest: '',
      path: '',
      size: 8,
    });
    const logits = Array.from(tf.tidy(() => model.logits(images).dataSync()));
    model.dispose();
    return logits;
  };
  const kept = weights();
  const expected = logitsOf(kept);
  expect(kept).toEqual(weights());

  const filters = 'Tiny/Conv2d/weights';
  const arriving = (variables: readonly string[]) => {
    const folding = new FoldingInPlace(tiny);
    const sofar = new Map<string, WeightTensor>();
    for (const name of variables) {
      sofar.set(name, weights().get(name)!);
      folding.arrived(name, sofar);
    }
    return { folding, sofar };
  };
  const names = [...weights().keys()];
  for (const order of [names, [...names].reverse()]) {
    const { folding, sofar } = arriving(order);
    expect(sofar.get(filters)).not.toEqual(weights().get(filters));
    expect(logitsOf(sofar, folding)).toEqual(expected);
  }
  const nothingArrived = new FoldingInPlace(tiny);
  expect(logitsOf(weights(), nothingArrived)).toEqual(expected);

  // What is stored as another type is no memory of its own.
  const doubles = arriving(names.filter((name) => name !== filters));
  const { shape, strides, data } = weights().get(filters)!;
  doubles.sofar.set(filters, { shape, strides, data: Float64Array.from(data as Float32Array) });
  doubles.folding.arrived(filters, doubles.sofar);
  expect(logitsOf(doubles.sofar, doubles.folding)).toEqual(expected);
  images.dispose();
});

it('names a variable of the wrong shape although batch norms are folded as they arrive', () => {
  const folding = new FoldingInPlace(tiny);
  const stored = new Map(weights());
  const gamma = 'Tiny/Conv2d/BatchNorm/gamma';
  stored.set(gamma, { shape: [3], strides: [1], data: new Float32Array(3) });
  for (const name of stored.keys()) folding.arrived(name, stored);
  expect(() => slimModel(tiny, { weights: stored, folding, weightsDigest: '', path: 'tiny.ckpt', size: 8 })).toThrow(
    `${gamma} has shape [3], not [8]`,
  );
});
