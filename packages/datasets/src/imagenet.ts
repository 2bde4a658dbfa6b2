import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Type } from '@sinclair/typebox';
import { defineDataset, ShieldError } from '@shield/core';
import { imagenetClasses } from './imagenet-classes.js';
import { recordDataset } from './record-dataset.js';
import { rangeOption } from './tfrecord.js';

/**
 * ImageNet (ILSVRC2012) in the TFRecords that `shield data provision imagenet` and TensorFlow's own scripts make:
 * `validation-00000-of-00128` … in a folder `validation`, `train-00000-of-01024` … in `train`; labels from 1, 0 being
 * the background class.
 */
export default defineDataset({
  name: 'imagenet',
  summary: 'ImageNet (ILSVRC2012) in the TFRecords that TensorFlow’s scripts and shield data provision make',
  reference: {
    title: 'Russakovsky et al., ImageNet Large Scale Visual Recognition Challenge, IJCV 2015',
    url: 'https://arxiv.org/abs/1409.0575',
  },
  options: Type.Object(
    {
      path: Type.String({
        minLength: 1,
        default: 'data',
        description: 'folder that holds the folders validation and train, or that of one split itself',
      }),
      split: Type.Union([Type.Literal('validation'), Type.Literal('train')], {
        default: 'validation',
        description: 'which images',
      }),
      range: rangeOption,
      label_offset: Type.Integer({
        default: -1,
        description: 'added to image/class/label; -1: 0 is the background class, as TensorFlow’s scripts write it',
      }),
    },
    { additionalProperties: false },
  ),
  open: async (options, context) => {
    const { split } = options;
    const root = context.resolvePath(options.path);
    const folder = [join(root, split), root].find((place) => existsSync(place));
    if (folder === undefined) {
      const expected = 'make it: shield data provision imagenet --raw-data DIR; or set dataset.path';
      throw new ShieldError('DATASET_MISSING', { name: 'imagenet', path: join(root, split), expected });
    }
    const names = imagenetClasses().map((entry) => entry.name);
    return recordDataset('imagenet', { ...options, path: folder, pattern: `${split}-*` }, context, names);
  },
  provision: async (request, context) => {
    const { provisionImagenet } = await import('./provision/provision-imagenet.js');
    return provisionImagenet(request, context);
  },
});
