import * as tf from '@tensorflow/tfjs-core';
import { openBackend, rowMajorStrides, sizeOf, type WeightMap } from '@shield/core';
import { beforeAll, expect, it } from 'vitest';
import { uniformOf } from './testing/like-tf-slim.js';
import type { SlimNetwork } from './tf-slim-ops.js';
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

it('leaves the weights as they are, but for those that nobody else needs: they become its own', () => {
  const [kept, consumed] = [weights(), weights()];
  const images = tf.fill<tf.Rank.R4>([1, 8, 8, 3], 0.75);
  const shared = { weightsDigest: '', path: '', size: 8 };
  const models = [slimModel(tiny, { ...shared, weights: kept }), slimModel(tiny, { ...shared, weights: consumed, consume: true })]; // prettier-ignore
  const [one, other] = models.map((model) => Array.from(tf.tidy(() => model.logits(images).dataSync())));
  expect(other).toEqual(one);
  expect(kept).toEqual(weights());
  expect(consumed.get('Tiny/Conv2d/weights')).not.toEqual(weights().get('Tiny/Conv2d/weights'));
  for (const model of models) model.dispose();
  images.dispose();
});
