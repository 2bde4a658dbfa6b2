import { defineModel } from '@shield/core';
import { resNetReference, resNetV2 } from './resnet-v2.js';
import { loadSlim, slimOptions } from './tf-slim-load.js';

/** ResNet-v2 of tf-slim with 152 layers: 299×299 pixels, 1001 classes of which the first is a background. */
export default defineModel({
  name: 'resnet_v2_152',
  aliases: ['resnet_152_v2', 'resnet152_v2'],
  summary: 'ResNet-v2-152 of tf-slim, 299 px, 1001 classes (class 0: background)',
  reference: resNetReference,
  // tensorflow/models, research/slim/README.md.
  accuracy: { top1: 0.778, on: 'ImageNet validation' },
  options: slimOptions,
  load: (options, context) => loadSlim(resNetV2('resnet_v2_152', [3, 8, 36, 3]), options, context),
});
