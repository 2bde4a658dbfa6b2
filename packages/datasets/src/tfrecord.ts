import { Type } from '@sinclair/typebox';
import { defineDataset } from '@shield/core';
import { recordDataset } from './record-dataset.js';

/** The option of how stored samples are to be understood, for sources on TFRecords. */
export const rangeOption = Type.Union(
  [Type.Literal('auto'), Type.Literal('-1,1'), Type.Literal('0,1'), Type.Literal('0,255')],
  {
    default: 'auto',
    description:
      'range of the stored samples: -1,1 or 0,1 (float32), 0,255 (bytes, JPEG, or float32); auto: as the record says, else bytes as they are and floats in -1,1, as the original writes them',
  },
);

/**
 * Images in TFRecord files: those that SHIELD leaves, those of the original (image/encoded with raw uint8, or with raw
 * float32 in [-1, 1]) and those that TensorFlow's ImageNet scripts write (JPEG). Plain, gzip or zlib. The id is
 * image/filename as it stands in the record.
 */
export default defineDataset({
  name: 'tfrecord',
  summary: 'images in TFRecord files: JPEG, raw uint8 or raw float32 samples',
  reference: {
    title: 'Das et al., SHIELD: Fast, Practical Defense and Vaccination for Deep Learning, KDD 2018',
    url: 'https://arxiv.org/abs/1802.06816',
  },
  options: Type.Object(
    {
      path: Type.String({
        minLength: 1,
        description: 'a TFRecord file, a folder of them, or a glob (data/validation/validation-*)',
      }),
      range: rangeOption,
      label_offset: Type.Integer({
        default: 0,
        description: 'added to image/class/label: -1 where 0 is a background class, as in the original’s records',
      }),
    },
    { additionalProperties: false },
  ),
  open: (options, context) => recordDataset('tfrecord', options, context),
});
