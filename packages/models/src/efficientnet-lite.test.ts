import * as tf from '@tensorflow/tfjs-core';
import { openBackend, rowMajorStrides, sizeOf, type WeightMap, type WeightTensor } from '@shield/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { liteConvolutions, type LiteVariant } from './efficientnet-lite-blocks.js';
import { efficientNetLite } from './efficientnet-lite.js';
import { expectLikePyTorch, image, recorded } from './testing/like-pytorch.js';

const quiet = { log: () => undefined, warn: () => undefined };

describe('with weights by formula, in plain JavaScript', () => {
  beforeAll(async () => void (await openBackend('cpu', quiet)));

  it.each(Object.entries(recorded.madeUp))('%s gives the logits and gradients of PyTorch', (_, made) => {
    const model = efficientNetLite({ ...made, weights: madeUp(made, 10), weightsDigest: '', path: '' });
    expectLikePyTorch(model, made);
    model.dispose();
  });

  it('leaves no tensor behind', () => {
    const variant = { width: 1, depth: 1, size: 32 };
    const before = tf.memory().numTensors;
    const model = efficientNetLite({ ...variant, weights: madeUp(variant, 2), weightsDigest: '', path: '' });
    const images = image(1, 32);
    tf.dispose([model.logits(images), images]);
    model.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('names the tensor that is missing or has another shape', () => {
    const variant = { width: 1, depth: 1, size: 32 };
    const load = (weights: WeightMap) => () =>
      efficientNetLite({ ...variant, weights, weightsDigest: '', path: 'mine.pth' });
    const weights = new Map(madeUp(variant, 10));
    const before = tf.memory().numTensors;
    weights.delete('_blocks.3._bn1.running_var');
    expect(load(weights)).toThrow(/mine\.pth.*no tensor _blocks\.3\._bn1\.running_var/);
    expect(load(new Map())).toThrow(/no tensor _conv_stem/);
    expect(load(madeUp({ width: 1.1, depth: 1.2 }, 10))).toThrow(/_blocks\.\d+\._\w+\.weight has shape \[.*\], not/);
    expect(tf.memory().numTensors).toBe(before);
  });
});

function madeUp(variant: LiteVariant, classes: number): WeightMap {
  const weights = new Map<string, WeightTensor>();
  const put = (name: string, shape: readonly number[], value: (u: number) => number) => {
    const data = Float32Array.from({ length: sizeOf(shape) }, uniform(name, value));
    weights.set(name, { shape, strides: rowMajorStrides(shape), data });
  };
  for (const { convolution, batchNorm, shape } of liteConvolutions(variant)) {
    const [filters, ...fan] = shape;
    put(convolution, shape, (u) => (2 * u - 1) * Math.sqrt(6 / sizeOf(fan)));
    put(`${batchNorm}.weight`, [filters], (u) => 0.5 + u);
    put(`${batchNorm}.bias`, [filters], (u) => 0.5 * u - 0.25);
    put(`${batchNorm}.running_mean`, [filters], (u) => 0.5 * u - 0.25);
    put(`${batchNorm}.running_var`, [filters], (u) => 0.5 + u);
  }
  put('_fc.weight', [classes, 1280], (u) => (2 * u - 1) * Math.sqrt(3 / 1280));
  put('_fc.bias', [classes], (u) => u - 0.5);
  return weights;
}

/** Element i of the tensor of this name: `value` of a number in [0, 1) that the name and i alone decide. */
function uniform(name: string, value: (u: number) => number): (_: unknown, i: number) => number {
  let seed = 0x811c9dc5;
  for (const byte of Buffer.from(name)) seed = Math.imul(seed ^ byte, 0x01000193);
  return (_, i) => {
    let h = (Math.imul(i, 0x9e3779b9) + seed) | 0;
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    return value(((h ^ (h >>> 16)) >>> 0) / 2 ** 32);
  };
}
