import { Type } from '@sinclair/typebox';
import { defineDefense } from '@shield/core';
import { sharpRoundTrip } from './sharp-codec.js';

/** Lossy WebP (libwebp through sharp) there and back. */
export default defineDefense({
  name: 'webp',
  summary: 'lossy WebP compression and decompression',
  takes: 'bytes',
  random: false,
  gradient: 'straight-through',
  options: Type.Object(
    {
      quality: Type.Integer({
        minimum: 1,
        maximum: 100,
        default: 75,
        description: 'WebP quality, 1 (smallest) to 100',
      }),
      smart_subsample: Type.Boolean({
        default: false,
        description: 'chroma is halved by a slower filter that keeps edges of colour sharper',
      }),
    },
    { additionalProperties: false },
  ),
  apply: (image, { quality, smart_subsample: smartSubsample }) =>
    sharpRoundTrip(image, (sharp) => sharp.webp({ quality, smartSubsample })),
});
