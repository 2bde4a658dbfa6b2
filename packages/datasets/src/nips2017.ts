import { Type } from '@sinclair/typebox';
import { defineDataset } from '@shield/core';
import { openImageFolder } from './image-folder.js';
import { imagenetClasses } from './imagenet-classes.js';

/**
 * The development images of the NIPS 2017 adversarial competition (Kurakin et al., 2018): up to 1000 photos of
 * 299×299, `images/ImageId.png`, and `images.csv`, whose TrueLabel counts from 1.
 */
export default defineDataset({
  name: 'nips2017',
  summary: 'development images of the NIPS 2017 adversarial competition, from a folder of your own',
  reference: {
    title: 'Kurakin et al., Adversarial Attacks and Defences Competition, 2018',
    url: 'https://arxiv.org/abs/1804.00097',
  },
  options: Type.Object(
    { path: Type.String({ minLength: 1, description: 'folder that holds images.csv and images/' }) },
    { additionalProperties: false },
  ),
  open: (options, context) => {
    const layout = {
      csv: 'images.csv',
      images: 'images',
      image_column: 'ImageId',
      label_column: 'TrueLabel',
      label_offset: -1,
      extension: '.png',
      classes: {},
    };
    const names = imagenetClasses().map((entry) => entry.name);
    return openImageFolder('nips2017', { ...options, ...layout }, context, names);
  },
});
