import * as tf from '@tensorflow/tfjs-core';
import { expect, it } from 'vitest';
import resNet from './resnet-v2-101.js';
import { resNetV2 } from './resnet-v2.js';
import { testContext } from './testing/load-context.js';
import { withLoadedSlim } from './testing/slim-file.js';
import { slimParts } from './tf-slim-variables.js';

const network = resNetV2('resnet_v2_101', [3, 4, 23, 3]);

it('has 101 layers with weights on the longest way', () => {
  const { layers, norms } = slimParts(network, 1001);
  expect(layers.filter(({ scope }) => !scope.endsWith('shortcut'))).toHaveLength(101);
  expect(norms).toHaveLength(33 + 1);
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
