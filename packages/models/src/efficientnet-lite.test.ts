import * as tf from '@tensorflow/tfjs-core';
import { openBackend, type WeightMap } from '@shield/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { efficientNetLite } from './efficientnet-lite.js';
import { expectLikePyTorch, image, recorded } from './testing/like-pytorch.js';
import { madeUpLite } from './testing/made-up-lite.js';

const quiet = { log: () => undefined, warn: () => undefined };

describe('with weights by formula, in plain JavaScript', () => {
  beforeAll(async () => void (await openBackend('cpu', quiet)));

  it.each(Object.entries(recorded.madeUp))('%s gives the logits and gradients of PyTorch', (_, made) => {
    const model = efficientNetLite({ ...made, weights: madeUpLite(made, 10), weightsDigest: '', path: '' });
    expectLikePyTorch(model, made);
    model.dispose();
  });

  it('leaves no tensor behind', () => {
    const variant = { width: 1, depth: 1, size: 32 };
    const before = tf.memory().numTensors;
    const model = efficientNetLite({ ...variant, weights: madeUpLite(variant, 2), weightsDigest: '', path: '' });
    const images = image(1, 32);
    tf.dispose([model.logits(images), images]);
    model.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('names the tensor that is missing or has another shape', () => {
    const variant = { width: 1, depth: 1, size: 32 };
    const load = (weights: WeightMap) => () =>
      efficientNetLite({ ...variant, weights, weightsDigest: '', path: 'mine.pth' });
    const weights = new Map(madeUpLite(variant, 10));
    const before = tf.memory().numTensors;
    weights.delete('_blocks.3._bn1.running_var');
    expect(load(weights)).toThrow(/mine\.pth.*no tensor _blocks\.3\._bn1\.running_var/);
    expect(load(new Map())).toThrow(/no tensor _conv_stem/);
    expect(load(madeUpLite({ width: 1.1, depth: 1.2 }, 10))).toThrow(
      /_blocks\.\d+\._\w+\.weight has shape \[.*\], not/,
    );
    expect(tf.memory().numTensors).toBe(before);
  });
});
