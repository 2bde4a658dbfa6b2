import { defineModel } from '@shield/core';
import { inceptionV4 } from './inception-v4-network.js';
import { loadSlim, slimCheckpoint, slimOptions } from './tf-slim-load.js';

const PRETRAINED = slimCheckpoint('inception_v4_2016_09_09.tar.gz', 'inception_v4.ckpt');

/** Inception-v4 of tf-slim: 299×299 pixels, 1001 classes of which the first is a background. */
export default defineModel({
  name: 'inception_v4',
  summary: 'Inception-v4 of tf-slim, 299 px, 1001 classes (class 0: background)',
  reference: {
    title:
      'Szegedy et al., Inception-v4, Inception-ResNet and the Impact of Residual Connections on Learning, AAAI 2017',
    url: 'https://arxiv.org/abs/1602.07261',
  },
  // tensorflow/models, research/slim/README.md.
  accuracy: { top1: 0.802, on: 'ImageNet validation' },
  pretrained: PRETRAINED,
  options: slimOptions,
  load: (options, context) => loadSlim(inceptionV4, options, context, PRETRAINED),
});
