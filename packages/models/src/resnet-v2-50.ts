import { defineModel } from '@shield/core';
import { resNetReference, resNetV2 } from './resnet-v2.js';
import { loadSlim, slimCheckpoint, slimOptions } from './tf-slim-load.js';

const PRETRAINED = slimCheckpoint('resnet_v2_50_2017_04_14.tar.gz', 'resnet_v2_50.ckpt');

/** ResNet-v2 of tf-slim with 50 layers: 299×299 pixels, 1001 classes of which the first is a background. */
export default defineModel({
  name: 'resnet_v2_50',
  aliases: ['resnet_50_v2', 'resnet50_v2'],
  summary: 'ResNet-v2-50 of tf-slim, 299 px, 1001 classes (class 0: background)',
  reference: resNetReference,
  // tensorflow/models, research/slim/README.md.
  accuracy: { top1: 0.756, on: 'ImageNet validation' },
  pretrained: PRETRAINED,
  options: slimOptions,
  load: (options, context) => loadSlim(resNetV2('resnet_v2_50', [3, 4, 6, 3]), options, context, PRETRAINED),
});
