import { resize, type FloatImage, type Random } from '@shield/core';
import * as tf from '@tensorflow/tfjs-core';
import type { Tensor4D } from '@tensorflow/tfjs-core';
import { compose, cutting, laying, resizing, separable, type LineMap, type PlainInterpolation } from './separable.js';

/** What happens to the lines of one direction: `length` samples from `start` on are scaled to `to` and laid at `at`. */
export interface LinePlacement {
  readonly start: number;
  readonly length: number;
  readonly to: number;
  readonly at: number;
  readonly canvas: number;
}

/** A part of an image, scaled and laid on a canvas of one level. */
export interface Placement {
  readonly rows: LinePlacement;
  readonly columns: LinePlacement;
  readonly interpolation: PlainInterpolation;
  /** Level of what is not covered, 0 to 1. */
  readonly fill: number;
}

/** @param image [height, width, 3]; gives [rows.canvas, columns.canvas, 3] */
export function place(image: FloatImage, { rows, columns, interpolation, fill }: Placement): FloatImage {
  const part = crop(image, rows, columns);
  const scaled = resize(part, { height: rows.to, width: columns.to, interpolation });
  const data = new Float32Array(rows.canvas * columns.canvas * 3).fill(fill);
  for (let y = 0; y < rows.to; y++) {
    const from = y * columns.to * 3;
    data.set(scaled.data.subarray(from, from + columns.to * 3), ((rows.at + y) * columns.canvas + columns.at) * 3);
  }
  return { data, height: rows.canvas, width: columns.canvas };
}

/**
 * The same on tfjs ops, each image with a placement of its own.
 *
 * @param images [n, h, w, 3] in [0, 1]
 * @param draw gives the placement of an image of that size; every image's canvas must be as large
 */
export function placeAll(
  images: Tensor4D,
  randoms: readonly Random[],
  draw: (height: number, width: number, random: Random) => Placement,
): Tensor4D {
  return tf.tidy(() => {
    const [n, height, width] = images.shape;
    const placed = Array.from({ length: n }, (_, i) => {
      const { rows, columns, interpolation, fill } = draw(height, width, randoms[i]!);
      const [down, across] = [lineMap(height, rows, interpolation), lineMap(width, columns, interpolation)];
      const image = separable(tf.slice(images, [i, 0, 0, 0], [1, height, width, 3]), down, across);
      if (fill === 0) return image;
      const covered = separable(tf.ones([1, height, width, 3]), down, across);
      return tf.add<Tensor4D>(image, tf.mul(tf.sub(1, covered), fill));
    });
    return tf.clipByValue(tf.concat(placed, 0), 0, 1);
  });
}

function lineMap(from: number, { start, length, to, at, canvas }: LinePlacement, how: PlainInterpolation): LineMap {
  const scaled = compose(resizing(length, to, how), cutting(from, start, length));
  return compose(laying(to, at, canvas), scaled);
}

function crop({ data, height, width }: FloatImage, rows: LinePlacement, columns: LinePlacement): FloatImage {
  if (rows.length === height && columns.length === width) return { data, height, width };
  const out = new Float32Array(rows.length * columns.length * 3);
  for (let y = 0; y < rows.length; y++) {
    const from = ((rows.start + y) * width + columns.start) * 3;
    out.set(data.subarray(from, from + columns.length * 3), y * columns.length * 3);
  }
  return { data: out, height: rows.length, width: columns.length };
}
