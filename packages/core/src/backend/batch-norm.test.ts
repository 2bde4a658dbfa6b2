import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { Random } from '../random/random.js';
import { nativeForTests } from '../testing/native-for-tests.js';
import { batchNormTraining } from './batch-norm.js';
import { openBackend } from './open-backend.js';

const quiet = { threads: 1, log: () => undefined, warn: () => undefined };
const native = await nativeForTests();
const EPSILON = 1e-3;

/** Values, and gradients of a sum with random weights, in float64 by the formulas of the paper. */
function reference(x: number[], scale: number[], offset: number[], dy: number[]) {
  const channels = scale.length;
  const n = x.length / channels;
  const of = (values: number[], c: number) => values.filter((_, i) => i % channels === c);
  const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
  const result = { y: [...x], dx: [...x], dscale: [] as number[], mean: [] as number[], variance: [] as number[] };
  for (let c = 0; c < channels; c++) {
    const [values, gradient] = [of(x, c), of(dy, c)];
    const mean = sum(values) / n;
    const biased = sum(values.map((value) => (value - mean) ** 2)) / n;
    const inverse = 1 / Math.sqrt(biased + EPSILON);
    const normal = values.map((value) => (value - mean) * inverse);
    const dscale = sum(normal.map((value, i) => value * gradient[i]!));
    values.forEach((_, i) => {
      result.y[i * channels + c] = scale[c]! * normal[i]! + offset[c]!;
      result.dx[i * channels + c] =
        scale[c]! * inverse * (gradient[i]! - sum(gradient) / n - (normal[i]! * dscale) / n);
    });
    result.dscale.push(dscale);
    result.mean.push(mean);
    result.variance.push((biased * n) / (n - 1));
  }
  return result;
}

describe.each([['cpu'], ['wasm'], ['node']] as const)('batch norm in training on %s', (name) => {
  it.skipIf(name === 'node' && !native)('has the values and gradients of its definition', async () => {
    await openBackend(name, quiet);
    const random = new Random('batch norm');
    const draw = (length: number) => Array.from({ length }, () => 2 * random.uniform() - 1);
    const shape = [3, 4, 5, 2] as const;
    const [x, dy, scale, offset] = [draw(120), draw(120), draw(2), draw(2)];
    const expected = reference(x, scale, offset, dy);
    const before = tf.memory().numTensors;
    tf.tidy(() => {
      const inputs = [tf.tensor4d(x, [...shape]), tf.tensor1d(scale), tf.tensor1d(offset)] as const;
      const { y, mean, variance } = batchNormTraining(tf, ...inputs, EPSILON);
      const weighted = (...[v, s, o]: tf.Tensor[]) =>
        tf.sum(tf.mul(batchNormTraining(tf, v as tf.Tensor4D, s as tf.Tensor1D, o as tf.Tensor1D, EPSILON).y, tf.tensor4d(dy, [...shape]))); // prettier-ignore
      const [dx, dscale, doffset] = tf.grads(weighted)([...inputs]);
      expectClose(y, expected.y);
      expectClose(mean, expected.mean);
      expectClose(variance, expected.variance);
      expectClose(dx!, expected.dx);
      expectClose(dscale!, expected.dscale);
      expectClose(doffset!, [0, 1].map((c) => dy.filter((_, i) => i % 2 === c).reduce((a, b) => a + b, 0))); // prettier-ignore
    });
    expect(tf.memory().numTensors).toBe(before);
  });
});

function expectClose(actual: tf.Tensor, expected: readonly number[]): void {
  const values = Array.from(actual.dataSync());
  expect(values).toHaveLength(expected.length);
  values.forEach((value, i) => expect(Math.abs(value - expected[i]!)).toBeLessThan(2e-4 * Math.max(1, Math.abs(expected[i]!)))); // prettier-ignore
}
