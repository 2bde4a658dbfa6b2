import { openBackend } from '@shield/core';
import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor1D } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { withGradient } from './with-gradient.js';

beforeAll(() => openBackend('cpu', { log: () => undefined, warn: () => undefined }));

describe('withGradient', () => {
  test('gives the gradient, and what the one forward pass gave beside it', () => {
    let passes = 0;
    tf.tidy(() => {
      const { gradient, results } = withGradient(tf.tensor1d([1, 2, 3]), (x) => {
        passes++;
        const squares = tf.square(x) as Tensor1D;
        const objective = tf.sum(squares) as Scalar;
        return { objective, results: { squares, objective, double: tf.mul<Tensor1D>(x, 2) } };
      });
      expect([...gradient.dataSync()]).toEqual([2, 4, 6]);
      expect([...results.squares.dataSync()]).toEqual([1, 4, 9]);
      expect([...results.objective.dataSync()]).toEqual([14]);
      expect([...results.double.dataSync()]).toEqual([2, 4, 6]);
    });
    expect(passes).toBe(1);
  });

  test('leaves no tensors behind inside a tidy', () => {
    const x = tf.tensor1d([1, 2]);
    const before = tf.memory().numTensors;
    tf.tidy(() => {
      withGradient(x, (x) => ({ objective: tf.sum(tf.square(x)), results: { twice: tf.mul<Tensor1D>(x, 2) } }));
    });
    expect(tf.memory().numTensors).toBe(before);
    x.dispose();
  });

  test('results that do not depend on x are given too', () => {
    tf.tidy(() => {
      const { results } = withGradient(tf.scalar(3), (x) => ({
        objective: tf.square(x),
        results: { five: tf.scalar(5) },
      }));
      expect(results.five.dataSync()[0]).toBe(5);
    });
  });
});
