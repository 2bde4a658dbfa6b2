import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import * as tf from '@tensorflow/tfjs-core';
import { decodeImage, rowMajorStrides, sizeOf, type Model, type WeightMap, type WeightTensor } from '@shield/core';
import { sharedPath } from '@shield/core/testing';
import { expect } from 'vitest';

interface Place {
  readonly at: readonly number[];
  readonly values: readonly number[];
}
interface Recorded {
  readonly name: string;
  readonly file?: string;
  readonly logits: { readonly first16: readonly number[]; readonly std: number; readonly mean: number; readonly l2: number; readonly argmax: number; readonly top5_indices: readonly number[]; readonly top5_values: readonly number[] }; // prettier-ignore
  readonly end_points: readonly {
    readonly name: string;
    readonly shape: readonly number[];
    readonly mean: number;
    readonly std: number;
    readonly first8: readonly number[];
    readonly center8?: Place;
    readonly corner8?: Place;
  }[];
  readonly grad_ce_243: { readonly l2: number; readonly dots: readonly number[] };
}

/** What TensorFlow's own tf-slim computes with weights by formula; the file says how it was made. */
export interface SlimFixture {
  readonly variables: Readonly<Record<string, readonly [shape: readonly number[], sha256: string]>>;
  readonly inputs: readonly Recorded[];
}

export function slimFixture(name: string): SlimFixture {
  const file = new URL(`../../fixtures/tf-slim/${name}.json`, import.meta.url);
  return JSON.parse(readFileSync(file, 'utf8')) as SlimFixture;
}

/** u(name, i) of the formula: in [-1, 1). */
export function uniformOf(name: string): (i: number) => number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) hash = Math.imul(hash ^ byte, 0x01000193);
  return (i) => {
    let x = (hash + Math.imul(i, 0x9e3779b9)) >>> 0;
    x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
    return ((x ^ (x >>> 16)) >>> 0) / 2 ** 31 - 1;
  };
}

/** The value of a variable as the formula gives it. */
export function formulaValues(name: string, shape: readonly number[]): Float32Array<ArrayBuffer> {
  const u = uniformOf(name);
  const size = sizeOf(shape);
  const leaf = name.slice(name.lastIndexOf('/') + 1);
  if (leaf === 'gamma' || leaf === 'moving_variance')
    return Float32Array.from({ length: size }, (_, i) => 1 + 0.1 * u(i));
  if (leaf !== 'weights') return Float32Array.from({ length: size }, (_, i) => 0.05 * u(i));
  const filters = shape.at(-1)!;
  const channels = shape.at(-2)!;
  const scale = Math.sqrt(7.5 / (size / filters)) * (name.includes('/conv3/') ? 0.5 : 1);
  return Float32Array.from({ length: size }, (_, i) => {
    const odd = (Math.floor(i / filters) % channels) % 2 === 1;
    return (odd ? 0.8 * u(i) - 0.6 * u(i - filters) : u(i)) * scale;
  });
}

/** All variables of a fixture by the formula; small ones are held to the sums that TensorFlow's have. */
export function formulaWeights(
  shapes: Iterable<readonly [string, readonly number[]]>,
  fixture?: SlimFixture,
): WeightMap {
  const weights = new Map<string, WeightTensor>();
  for (const [name, shape] of shapes) {
    const data = formulaValues(name, shape);
    const sum = fixture?.variables[name]?.[1];
    if (sum !== undefined && data.length < 1e5) {
      expect(createHash('sha256').update(data).digest('hex').slice(0, 16), name).toBe(sum);
    }
    weights.set(name, { shape, strides: rowMajorStrides(shape), data });
  }
  return weights;
}

/** One of the inputs in [0, 1], or undefined where its photo is not there. */
export async function slimInput(recorded: Recorded): Promise<tf.Tensor4D | undefined> {
  const shape: [number, number, number, number] = [1, 299, 299, 3];
  if (recorded.file === undefined) {
    const u = uniformOf(recorded.name);
    return tf.tensor4d(
      Float32Array.from({ length: 299 * 299 * 3 }, (_, i) => (Math.fround(u(i)) + 1) / 2),
      shape,
    );
  }
  const path = sharedPath(`golden/photos/${recorded.file}`);
  if (path === undefined) return undefined;
  const { data } = await decodeImage(await readFile(path), path);
  return tf.tensor4d(
    Float32Array.from(data, (byte) => byte / 255),
    shape,
  );
}

/** Within 1e-3 of the standard deviation; says whether that end point was recorded. */
export function expectEndPoint(recorded: Recorded, name: string, value: tf.Tensor): boolean {
  const expected = recorded.end_points.find((each) => each.name === name);
  if (!expected) return false;
  expect(value.shape, name).toEqual(expected.shape);
  const data = value.dataSync() as Float32Array;
  const strides = rowMajorStrides(value.shape);
  const near = (values: readonly number[], start: number) => {
    values.forEach((each, i) => expect(Math.abs(data[start + i]! - each), name).toBeLessThan(1e-3 * expected.std));
  };
  near(expected.first8, 0);
  for (const place of [expected.center8, expected.corner8]) {
    if (place) near(place.values, place.at.reduce((sum, index, axis) => sum + index * strides[axis]!, 0)); // prettier-ignore
  }
  const mean = data.reduce((sum, each) => sum + each, 0) / data.length;
  expect(Math.abs(mean - expected.mean), name).toBeLessThan(1e-3 * expected.std);
  return true;
}

/** Logits within 1e-3 of their standard deviation. */
export function expectLogits(recorded: Recorded, logits: tf.Tensor2D): void {
  const data = logits.dataSync() as Float32Array;
  const { first16, std, argmax, top5_indices, top5_values, mean, l2 } = recorded.logits;
  first16.forEach((each, i) => expect(Math.abs(data[i]! - each)).toBeLessThan(1e-3 * std));
  top5_indices.forEach((at, i) => expect(Math.abs(data[at]! - top5_values[i]!)).toBeLessThan(1e-3 * std));
  expect(data.indexOf(Math.max(...data))).toBe(argmax);
  expect(Math.abs(data.reduce((sum, each) => sum + each, 0) / data.length - mean)).toBeLessThan(1e-3 * std);
  expect(Math.abs(Math.hypot(...data) / l2 - 1)).toBeLessThan(1e-3);
}

/**
 * The gradient of the cross-entropy at class 243: its norm within 0.2 %, its products with four directions within 3 %
 * of the norm (TensorFlow's own float32 and float64 gradients differ by 0.5 % and 1.6 %).
 */
export function expectGradient(recorded: Recorded, model: Model, images: tf.Tensor4D): void {
  const crossEntropy = (x: tf.Tensor) =>
    tf.neg<tf.Scalar>(tf.slice(tf.logSoftmax(model.logits(x as tf.Tensor4D)), [0, 243], [1, 1]).asScalar());
  const gradient = tf.tidy(() => tf.grad(crossEntropy)(images));
  // Recorded for inputs in [-1, 1].
  const data = (gradient.dataSync() as Float32Array).map((each) => each / 2);
  gradient.dispose();
  const { l2, dots } = recorded.grad_ce_243;
  const norm = Math.sqrt(data.reduce((sum, each) => sum + each * each, 0));
  expect(Math.abs(norm / l2 - 1)).toBeLessThan(2e-3);
  dots.forEach((dot, k) => {
    const u = uniformOf(`dir-${k}`);
    const product = data.reduce((sum, each, i) => sum + each * u(i), 0);
    expect(Math.abs(product - dot)).toBeLessThan(0.03 * l2);
  });
}
