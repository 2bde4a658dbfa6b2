import { Type, type Static } from '@sinclair/typebox';
import { defineDefense, drawnGradient } from '@shield/core';
import { codecFault, codecOptions, jpegRoundTrip } from './codec.js';
import { differentiableJpeg } from './differentiable-jpeg.js';

const options = Type.Object(
  {
    quality: Type.Integer({
      minimum: 1,
      maximum: 100,
      default: 75,
      description: 'JPEG quality, 1 (smallest) to 100',
    }),
    ...codecOptions,
  },
  { additionalProperties: false },
);

/** JPEG compression and decompression (Das et al. 2018, section 3.1; Dziugaite et al. 2016). */
export default defineDefense({
  name: 'jpeg',
  summary: 'JPEG compression and decompression at one quality',
  reference: {
    title:
      'Das et al.: SHIELD: Fast, Practical Defense and Vaccination for Deep Learning using JPEG Compression, KDD 2018',
    url: 'https://arxiv.org/abs/1802.06816',
  },
  takes: 'bytes',
  check: codecFault,
  random: false,
  // Soft rounding in place of the codec's; every inverse DCT is the exact one.
  gradient: drawnGradient<Static<typeof options>>({
    draws: () => [],
    through: (images, _draws, { quality, subsampling }) => differentiableJpeg(images, quality, subsampling),
  }),
  options,
  apply: (image, { quality, ...codec }) => jpegRoundTrip(image, quality, codec),
});
