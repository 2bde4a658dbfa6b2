import { Type } from '@sinclair/typebox';
import { defineDefense } from '@shield/core';

/**
 * Rounding to 8 bits and nothing else: what happens to every image that is saved to a file. By itself it undoes attacks
 * that leave tiny changes, so every codec must be compared with it.
 */
export default defineDefense({
  name: 'round8',
  summary: 'rounding to 8 bits and nothing else: the baseline of every codec',
  takes: 'bytes',
  random: false,
  gradient: 'straight-through',
  options: Type.Object({}, { additionalProperties: false }),
  // The hand-over has turned the image to bytes already.
  apply: (image) => image,
});
