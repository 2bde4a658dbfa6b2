import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, expect, it } from 'vitest';
import { openBackend } from '../../backend/open-backend.js';
import { resize } from '../../images/resize.js';
import { drawnPixels } from '../../testing/tiny-model.js';
import { resizeLayer } from './resize-layer.js';

beforeAll(async () => {
  await openBackend('cpu', { log: () => undefined, warn: () => undefined });
});

const from = { height: 9, width: 7 };
const pixels = drawnPixels(2, from);
const length = from.height * from.width * 3;

it.each([
  ['bicubic', { height: 5, width: 6 }],
  ['bicubic', { height: 12, width: 15 }],
  ['bilinear', { height: 9, width: 4 }],
  ['bilinear_tf1', { height: 5, width: 6 }],
  ['bilinear_tf1', { height: 12, width: 7 }],
  ['lanczos', { height: 3, width: 11 }],
  ['nearest', { height: 4, width: 14 }],
] as const)('%s to %o: the pixels of the resize of images', (interpolation, to) => {
  const images = tf.tensor4d(pixels, [2, from.height, from.width, 3]);
  const sized = resizeLayer(from, to, interpolation)(images);
  expect(sized.shape).toEqual([2, to.height, to.width, 3]);
  const got = sized.dataSync();
  const expected = [0, 1].flatMap((i) => {
    const image = { data: pixels.slice(i * length, (i + 1) * length), ...from };
    return Array.from(resize(image, { ...to, interpolation }).data);
  });
  expected.forEach((value, k) => expect(got[k]).toBeCloseTo(value, 5));
  tf.dispose([images, sized]);
});

it.each(['bilinear', 'bilinear_tf1'] as const)('hands gradients back: each pixel gets what it gives (%s)', (how) => {
  const layer = resizeLayer(from, { height: 5, width: 6 }, how);
  const images = tf.tensor4d(pixels, [2, from.height, from.width, 3]);
  const weights = tf.tensor4d(drawnPixels(2, { height: 5, width: 6 }, 3), [2, 5, 6, 3]);
  const objective = (x: tf.Tensor) => tf.sum(tf.mul(layer(x as tf.Tensor4D), weights));
  const gradient = tf.grad(objective)(images).dataSync();
  // Linear inside [0, 1]: bilinear weights never overshoot, so the difference is exact but for rounding.
  for (const k of [0, 17, 100, 188, 260]) {
    const moved = Float32Array.from(pixels);
    moved[k] = pixels[k]! > 0.5 ? pixels[k]! - 0.25 : pixels[k]! + 0.25;
    const change = tf.tidy(() => tf.sub(objective(tf.tensor4d(moved, images.shape)), objective(images)).dataSync()[0]!);
    expect(change / (moved[k] - pixels[k]!)).toBeCloseTo(gradient[k]!, 3);
  }
});
