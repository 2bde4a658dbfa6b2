import { Type } from '@sinclair/typebox';
import { defineDefense } from '@shield/core';
import { sharpRoundTrip } from './sharp-codec.js';

/** Lossy AVIF (AV1 through sharp) there and back. */
export default defineDefense({
  name: 'avif',
  summary: 'lossy AVIF compression and decompression',
  takes: 'bytes',
  random: false,
  gradient: 'straight-through',
  options: Type.Object(
    {
      quality: Type.Integer({
        minimum: 1,
        maximum: 100,
        default: 50,
        description: 'AVIF quality, 1 (smallest) to 100',
      }),
      subsampling: Type.Union([Type.Literal('4:2:0'), Type.Literal('4:4:4')], {
        default: '4:2:0',
        description: 'chroma subsampling: 4:2:0 halves both sides of the colour planes, 4:4:4 neither',
      }),
      effort: Type.Integer({
        minimum: 0,
        maximum: 9,
        default: 4,
        description: 'time that the encoder takes, 0 (fastest) to 9',
      }),
    },
    { additionalProperties: false },
  ),
  apply: (image, { quality, subsampling, effort }) =>
    sharpRoundTrip(image, (sharp) => sharp.avif({ quality, effort, chromaSubsampling: subsampling })),
});
