import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import { ShieldError, openBackend, type Model, type ModelPlugin } from '@shield/core';
import { expect } from 'vitest';
import type { LiteVariant } from '../efficientnet-lite-blocks.js';
import { testContext } from './load-context.js';

/** Recorded by bench/record/efficientnet_lite.py, which also gives the formulas. */
export interface Recorded {
  readonly n: number;
  readonly size: number;
  readonly argmax: readonly number[];
  readonly logits: readonly (readonly number[])[];
  readonly gradientNorm: readonly number[];
  readonly gradient: readonly (readonly number[])[];
}
export const recorded = JSON.parse(
  readFileSync(new URL('../../fixtures/efficientnet-lite.json', import.meta.url), 'utf8'),
) as {
  published: Record<string, Recorded>;
  madeUp: Record<string, Recorded & LiteVariant>;
};

/**
 * Holds a plugin with its published weights to PyTorch, on the native backend where it is prepared, else on wasm.
 *
 * @param skip called, with the reason, where the weights are neither cached nor to be had
 */
export async function expectPublishedLikePyTorch(plugin: ModelPlugin, skip: (reason: string) => void): Promise<void> {
  const quiet = { log: () => undefined, warn: () => undefined };
  await openBackend('node', { ...quiet, allowSetup: false }).catch(() => openBackend('wasm', quiet));
  const context = testContext();
  let model: Model;
  try {
    model = await plugin.load(
      { weights: 'pretrained', size: recorded.published[plugin.name]!.size, classes: 0 },
      context,
    );
  } catch (error) {
    if (!(error instanceof ShieldError && error.code === 'DOWNLOAD_FAILED')) throw error;
    return skip(`the weights of ${plugin.name} cannot be fetched: ${error.message}`);
  }
  expect([model.classes, model.labelOffset]).toEqual([1000, 0]);
  expect([...context.files.values()]).toEqual([model.weightsDigest]);
  expectLikePyTorch(model, recorded.published[plugin.name]!);
  model.dispose();
}

/** Logits to 1e-3, and the gradient of the cross-entropy of class 3 with respect to the image. */
export function expectLikePyTorch(model: Model, expected: Recorded): void {
  const { n, size, argmax } = expected;
  const images = image(n, size);
  const labels = tf.oneHot(tf.fill([n], 3, 'int32'), model.classes);
  const crossEntropy = (x: tf.Tensor) => {
    const logits = model.logits(x as tf.Tensor4D);
    return tf.neg<tf.Scalar>(tf.sum<tf.Scalar>(tf.mul(tf.logSoftmax(logits), labels)));
  };
  const [logits, gradient] = tf.tidy(() => [
    model.logits(images),
    tf.reshape<tf.Rank.R2>(tf.grad(crossEntropy)(images), [n, -1]),
  ]);
  expect(Array.from(tf.argMax(logits, 1).dataSync())).toEqual(argmax);
  logits.arraySync().forEach((row, i) => {
    expect(largestGap(row, expected.logits[i]!)).toBeLessThan(1e-3);
  });
  gradient.arraySync().forEach((row, i) => {
    // A ReLU6 that another order of summing flips moves single values: hence a share of the norm.
    expect(norm(row) / expected.gradientNorm[i]!).toBeCloseTo(1, 2);
    const seen = row.slice(300, 316);
    expect(largestGap(seen, expected.gradient[i]!)).toBeLessThan(2e-2 * norm(expected.gradient[i]!));
  });
  tf.dispose([images, labels, logits, gradient]);
}

function norm(values: readonly number[]): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
}

function largestGap(a: readonly number[], b: readonly number[]): number {
  expect(a).toHaveLength(b.length);
  return Math.max(...a.map((value, i) => Math.abs(value - b[i]!)));
}

/** The formula's images, [n, size, size, 3]. */
export function image(n: number, size: number): tf.Tensor4D {
  const one = size * size * 3;
  const data = Float32Array.from({ length: n * one }, (_, at) => {
    const j = at % one;
    return 0.5 + 0.5 * Math.sin(0.01 * j + (j % 3) + Math.floor(at / one));
  });
  return tf.tensor4d(data, [n, size, size, 3]);
}
