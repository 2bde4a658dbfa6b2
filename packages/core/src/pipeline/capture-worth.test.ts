import { expect, test } from 'vitest';
import { worthCapturing } from './capture-worth.js';

test.each<[string, number, number, number, boolean]>([
  ['FGSM on a few images', 0, 1, 47, false],
  ['FGSM on many', 0, 1, 48, true],
  ['a search that only asks for logits', 96, 0, 1, true],
  ['the same, shorter', 95, 0, 1, false],
  ['both together', 48, 24, 1, true],
  ['a dataset of unknown size', 0, 1, Infinity, true],
  ['noise that never asks the model', 0, 0, Infinity, false],
])('%s', (_, forwards, gradients, images, worth) => {
  expect(worthCapturing({ forwards, gradients }, images)).toBe(worth);
});
