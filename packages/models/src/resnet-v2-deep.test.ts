import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import resNet101 from './resnet-v2-101.js';
import resNet152 from './resnet-v2-152.js';
import { resNetV2 } from './resnet-v2.js';
import { testContext } from './testing/load-context.js';
import { withLoadedSlim } from './testing/slim-file.js';
import { slimParts } from './tf-slim-variables.js';

describe.each([
  { depth: 101, resNet: resNet101, network: resNetV2('resnet_v2_101', [3, 4, 23, 3]), units: 33 },
  { depth: 152, resNet: resNet152, network: resNetV2('resnet_v2_152', [3, 8, 36, 3]), units: 50 },
])('resnet_v2_$depth', ({ depth, resNet, network, units }) => {
  it('has as many layers with weights on the longest way', () => {
    const { layers, norms } = slimParts(network, 1001);
    expect(layers.filter(({ scope }) => !scope.endsWith('shortcut'))).toHaveLength(depth);
    expect(norms).toHaveLength(units + 1);
  });

  it('loads weights by their names', { timeout: 120_000 }, async () => {
    await withLoadedSlim(resNet, network, 3, (model, said) => {
      expect([model.classes, model.labelOffset, model.inputSize]).toEqual([3, 0, { height: 299, width: 299 }]);
      expect(said.join()).toContain('1 variables are not needed: global_step');
      const logits = model.logits(tf.zeros([1, 17, 17, 3]));
      expect(logits.shape).toEqual([1, 3]);
      expect([...logits.dataSync()].every(Number.isFinite)).toBe(true);
    });
  });

  it('says when nothing is there', async () => {
    const missing = resNet.load({ weights: 'nowhere/model.ckpt' }, testContext());
    await expect(missing).rejects.toMatchObject({ code: 'WEIGHTS_INVALID' });
  });
});
