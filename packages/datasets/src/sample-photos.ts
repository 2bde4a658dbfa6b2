import { basename } from 'node:path';
import { Type } from '@sinclair/typebox';
import { defineDataset, ShieldError } from '@shield/core';
import { fileDataset } from './file-dataset.js';
import { imagenetClasses } from './imagenet-classes.js';

const MEMBERS = /^foolbox\/data\/imagenet_\d+_\d+\.jpg$/;

/**
 * The 20 ImageNet photos that Foolbox carries (Rauber et al., 2017), each named by its number and class
 * (`imagenet_00_243`: class 243). They come from its wheel, through the user's own pip.
 */
export default defineDataset({
  name: 'sample_photos',
  summary: '20 labelled ImageNet photos, fetched from the Foolbox package on PyPI',
  reference: {
    title: 'Rauber et al., Foolbox: A Python toolbox to benchmark the robustness of machine learning models, 2017',
    url: 'https://arxiv.org/abs/1707.04131',
  },
  options: Type.Object({}, { additionalProperties: false }),
  open: async (options, context) => {
    const paths = await context.assets.files(
      {
        kind: 'pypi',
        distribution: 'foolbox',
        version: '3.3.4',
        member: 'foolbox/data',
        wheelSha256: '11049d515d38e765e206a73ace9cc648b81a0d6d1da9ad9057e149ee117989cb',
        bytes: 1677112,
      },
      MEMBERS,
    );
    if (paths.length === 0) {
      throw new ShieldError('DATASET_EMPTY', { name: 'sample_photos', reason: 'the wheel holds no such photos' });
    }
    for (const path of paths) context.opened(path);
    const files = paths.map((path) => {
      const id = basename(path, '.jpg');
      return { id, label: Number(id.slice(id.lastIndexOf('_') + 1)), path };
    });
    const names = imagenetClasses().map((entry) => entry.name);
    return fileDataset('sample_photos', files, options, context, names);
  },
});
