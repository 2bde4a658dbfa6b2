import * as tf from '@tensorflow/tfjs-core';
import type { Tensor4D } from '@tensorflow/tfjs-core';
import { resize, type Interpolation } from '@shield/core';

/** A linear map of lines of `from` samples to lines of `to`: `to` rows of `from` weights. */
export interface LineMap {
  readonly weights: Float32Array;
  readonly from: number;
  readonly to: number;
}

/** Filters whose weights are not negative, so that what comes out stays between what went in. */
export type PlainInterpolation = Extract<Interpolation, 'nearest' | 'bilinear' | 'bilinear_tf1'>;

/**
 * One map down all columns and one across all rows, as matrix products: differentiable on every backend.
 *
 * @param images [n, rows.from, columns.from, c]
 * @returns [n, rows.to, columns.to, c]
 */
export function separable(images: Tensor4D, rows: LineMap, columns: LineMap): Tensor4D {
  return tf.tidy(() => {
    const [n, height, width, channels] = images.shape;
    // Products of two matrices only: the gradient of a broadcast one is not defined in tfjs.
    const tall = tf.matMul(
      matrix(rows),
      tf.reshape(tf.transpose(images, [1, 0, 2, 3]), [height, n * width * channels]),
    );
    const turned = tf.transpose(tf.reshape(tall, [rows.to, n, width, channels]), [2, 1, 0, 3]);
    const wide = tf.matMul(matrix(columns), tf.reshape(turned, [width, n * rows.to * channels]));
    return tf.transpose(tf.reshape(wide, [columns.to, n, rows.to, channels]), [1, 2, 0, 3]) as Tensor4D;
  });
}

function matrix({ weights, from, to }: LineMap): tf.Tensor2D {
  return tf.tensor2d(weights, [to, from]);
}

/** First `inner`, then `outer`. Throws a RangeError where they do not fit. */
export function compose(outer: LineMap, inner: LineMap): LineMap {
  if (outer.from !== inner.to) throw new RangeError(`lines of ${inner.to} given to a map of lines of ${outer.from}`);
  const weights = new Float32Array(outer.to * inner.from);
  for (let i = 0; i < outer.to; i++) {
    for (let k = 0; k < outer.from; k++) {
      const weight = outer.weights[i * outer.from + k]!;
      if (weight === 0) continue;
      for (let j = 0; j < inner.from; j++) weights[i * inner.from + j]! += weight * inner.weights[k * inner.from + j]!;
    }
  }
  return { weights, from: inner.from, to: outer.to };
}

const KEPT = 32;
const resizings = new Map<string, LineMap>();

/** What {@link resize} does to each line. Kept for the sizes used last. */
export function resizing(from: number, to: number, interpolation: PlainInterpolation): LineMap {
  const key = `${interpolation} ${from} ${to}`;
  const known = resizings.get(key);
  if (known) return known;
  // In each row one sample is 1: what comes out are the weights themselves.
  const data = new Float32Array(from * from * 3);
  for (let i = 0; i < from; i++) data[(i * from + i) * 3] = 1;
  const scaled = resize({ data, height: from, width: from }, { height: from, width: to, interpolation });
  const weights = new Float32Array(to * from);
  for (let i = 0; i < to; i++) for (let k = 0; k < from; k++) weights[i * from + k] = scaled.data[(k * to + i) * 3]!;
  if (resizings.size === KEPT) resizings.delete(resizings.keys().next().value!);
  const made = { weights, from, to };
  resizings.set(key, made);
  return made;
}

/** Takes `to` samples from `start` on. */
export function cutting(from: number, start: number, to: number): LineMap {
  return picking(from, to, (i) => i + start);
}

/** Lays the line into one of `to` samples of 0, from `start` on. */
export function laying(from: number, start: number, to: number): LineMap {
  return picking(from, to, (i) => i - start);
}

function picking(from: number, to: number, source: (i: number) => number): LineMap {
  const weights = new Float32Array(to * from);
  for (let i = 0; i < to; i++) {
    const k = source(i);
    if (k >= 0 && k < from) weights[i * from + k] = 1;
  }
  return { weights, from, to };
}
