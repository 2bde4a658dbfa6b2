import * as tf from '@tensorflow/tfjs-core';
import { openBackend } from '@shield/core';
import { beforeAll, expect, test } from 'vitest';
import { dlr, targetedDlr } from './apgd-losses.js';
import { oneHot } from './losses.js';

beforeAll(() => openBackend('cpu', { log: () => undefined, warn: () => undefined }));

const logits = [
  [5, 3, 1, 0],
  [5, 3, 1, 0],
  [2, 2, 2, 2],
];

/** The values of a loss, and its gradient with respect to the logits. */
function valueAndGradient(loss: (z: tf.Tensor2D) => tf.Tensor1D) {
  return tf.tidy(() => {
    const z = tf.tensor2d(logits);
    const gradient = tf.grad((x) => tf.sum(loss(x as tf.Tensor2D)))(z);
    return { values: [...loss(z).dataSync()], gradient: gradient.arraySync() as number[][] };
  });
}

const close = (a: readonly number[], b: readonly number[]) => a.forEach((v, i) => expect(v).toBeCloseTo(b[i]!, 5));

test('the difference of logits ratio, by hand: −(5 − 3)/(5 − 1), and −(3 − 5)/(5 − 1) where the model is wrong', () => {
  const { values, gradient } = valueAndGradient((z) => dlr(z, oneHot([0, 1, 0], 4)));
  close(values, [-0.5, 0.5, 0]);
  // d/dz of (z1 − z0)/(z0 − z2) and of (z0 − z1)/(z0 − z2).
  close(gradient[0]!, [-1 / 4 + 2 / 16, 1 / 4, -2 / 16, 0]);
  close(gradient[1]!, [1 / 4 - 2 / 16, -1 / 4, 2 / 16, 0]);
});

test('its targeted form, by hand: −(5 − 1)/(5 − (1 + 0)/2)', () => {
  const { values, gradient } = valueAndGradient((z) => targetedDlr(z, oneHot([0, 0, 0], 4), oneHot([2, 1, 2], 4)));
  close(values, [-4 / 4.5, -2 / 4.5, 0]);
  const range = 4.5;
  close(gradient[0]!, [-1 / range + 4 / range ** 2, 0, 1 / range - 2 / range ** 2, -2 / range ** 2]);
});

test('neither changes where all logits are scaled', () => {
  const scaled = (factor: number) =>
    tf.tidy(() => {
      const z = tf.mul<tf.Tensor2D>(tf.tensor2d(logits), factor);
      return [
        ...dlr(z, oneHot([0, 1, 0], 4)).dataSync(),
        ...targetedDlr(z, oneHot([0, 1, 0], 4), oneHot([2, 2, 2], 4)).dataSync(),
      ];
    });
  close(scaled(1000), scaled(1));
});
