import * as tf from '@tensorflow/tfjs-core';
import type { Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import { roundUp } from '@shield/core/jpeg';
import { samplingFactors } from './jpeg-kernel/downsample.js';
import type { Subsampling } from './jpeg-kernel/settings.js';

/*
 * All that baseline JPEG does to an image but for rounding: linear, and differentiable on every backend. Planes are images
 * of one channel, chroma those of Cb and then those of Cr. Products of matrices do the transform; convolutions that move by
 * a block cost TensorFlow five to ten times as much, and joining channels as much as all the rest.
 */

/** RGB to Y, Cb, Cr (JFIF 1.02), Cb and Cr about 0; a row for each of the three. */
const TO_YCC = [
  [0.299, 0.587, 0.114],
  [-0.168736, -0.331264, 0.5],
  [0.5, -0.418688, -0.081312],
] as const;

/** DCT coefficients, block by block: luma [n, H/8, W/8, 64], chroma [2n, H'/8, W'/8, 64]. */
export interface Coefficients {
  readonly luma: Tensor4D;
  readonly chroma: Tensor4D;
}

/** Planes of full size, [n, h, w, 1], each about 0 and clipped to what 8 bits hold. */
export interface Components {
  readonly y: Tensor4D;
  readonly cb: Tensor4D;
  readonly cr: Tensor4D;
}

/** @param rgb [n, h, w, 3] in 0…255 */
export function encodeBlocks(rgb: Tensor4D, subsampling: Subsampling): Coefficients {
  const [, height, width] = rgb.shape;
  const { down, across } = samplingFactors(subsampling);
  const luma = tf.sub<Tensor4D>(weighed(rgb, 1, 1, TO_YCC[0]), 128);
  // Right of the image its last column repeats before averaging; below it an odd last row, and then the averaged rows.
  const rows = Math.ceil(height / down);
  const columns = roundUp(Math.ceil(width / across), 8);
  const whole = edged(rgb, rows * down, columns * across);
  const chroma = tf.concat([weighed(whole, down, across, TO_YCC[1]), weighed(whole, down, across, TO_YCC[2])], 0);
  return {
    luma: forward(edged(luma, roundUp(height, 8), roundUp(width, 8))),
    chroma: forward(edged(chroma, roundUp(rows, 8), columns)),
  };
}

/** @param coefficients of several qualities, one after another: of each the n of luma, and 2n of chroma */
export function decodeBlocks(
  { luma, chroma }: Coefficients,
  qualities: number,
  { height, width }: { readonly height: number; readonly width: number },
  subsampling: Subsampling,
): readonly Components[] {
  const { down, across } = samplingFactors(subsampling);
  const [rows, columns] = [Math.ceil(height / down), Math.ceil(width / across)];
  const clipped = (plane: Tensor4D) => tf.clipByValue(plane, -128, 127);
  const y = parts(clipped(top(inverse(luma), height, width)), qualities);
  // libjpeg's triangle filter needs three columns of chroma; with fewer, samples just repeat, down as well.
  const triangle = across === 2 && columns > 2;
  const c = clipped(top(inverse(chroma), rows, columns));
  const planes = parts(spread(c, down, across, triangle, height, width), 2 * qualities);
  return y.map((plane, k) => ({ y: plane, cb: planes[2 * k]!, cr: planes[2 * k + 1]! }));
}

/** Equal parts of a batch, one after another. (The gradient of a split into one fails in tfjs.) */
function parts(planes: Tensor4D, count: number): Tensor4D[] {
  return count === 1 ? [planes] : (tf.split(planes, count) as Tensor4D[]);
}

/** With its last row and its last column repeated. */
function edged(images: Tensor4D, height: number, width: number): Tensor4D {
  const [n, h, w, c] = images.shape;
  const below = (rows: number) => tf.tile(tf.slice(images, [0, h - 1], [n, 1]), [1, rows, 1, 1]);
  const tall = height === h ? images : tf.concat([images, below(height - h)], 1);
  if (width === w) return tall;
  return tf.concat([tall, tf.tile(tf.slice(tall, [0, 0, w - 1], [n, height, 1, c]), [1, 1, width - w, 1])], 2);
}

/** A weighted sum of the channels, averaged over `down` × `across` pixels. */
function weighed(images: Tensor4D, down: number, across: number, weights: readonly number[]): Tensor4D {
  const cells = down * across;
  const filter = Float32Array.from({ length: cells * 3 }, (_, i) => weights[i % 3]! / cells);
  return tf.conv2d(images, tf.tensor4d(filter, [down, across, 3, 1]), [down, across], 'valid');
}

function forward(planes: Tensor4D): Tensor4D {
  const [n, height, width] = planes.shape;
  const [rows, columns] = [height / 8, width / 8];
  const blocks = tf.transpose(tf.reshape(planes, [n, rows, 8, columns, 8]), [0, 1, 3, 2, 4]);
  return tf.reshape(tf.matMul(tf.reshape(blocks, [-1, 64]), basis()), [n, rows, columns, 64]);
}

function inverse(coefficients: Tensor4D): Tensor4D {
  const [n, rows, columns] = coefficients.shape;
  const samples = tf.matMul(tf.reshape(coefficients, [-1, 64]), basis(), false, true);
  const blocks = tf.transpose(tf.reshape(samples, [n, rows, columns, 8, 8]), [0, 1, 3, 2, 4]);
  return tf.reshape(blocks, [n, 8 * rows, 8 * columns, 1]);
}

/** The orthonormal DCT-II of 8×8 samples (ITU T.81, A.3.3): [sample, frequency]. */
function basis(): Tensor2D {
  const wave = (frequency: number, sample: number) =>
    (frequency === 0 ? Math.SQRT1_2 / 2 : 0.5) * Math.cos(((2 * sample + 1) * frequency * Math.PI) / 16);
  const values = Float32Array.from({ length: 64 * 64 }, (_, i) => {
    const [sample, k] = [i >> 6, i & 63];
    return wave(k >> 3, sample >> 3) * wave(k & 7, sample & 7);
  });
  return tf.tensor2d(values, [64, 64]);
}

/** Each sample `factor` times, or the nearer one weighed 3/4 and the farther 1/4, the first and last repeated outside. */
function spread(
  chroma: Tensor4D,
  down: number,
  across: number,
  triangle: boolean,
  height: number,
  width: number,
): Tensor4D {
  if (down === 1 && across === 1) return chroma;
  const line = (factor: number) => (factor === 1 ? [1] : triangle ? [0.25, 0.75, 0.75, 0.25] : [1, 1]);
  const [vertical, horizontal] = [line(down), line(across)];
  const margin = (weights: readonly number[]) => (weights.length === 4 ? 1 : 0);
  const framed = framing(chroma, margin(vertical), margin(horizontal));
  const [n, h, w] = framed.shape;
  const filter = Float32Array.from({ length: vertical.length * horizontal.length }, (_, i) => {
    return vertical[Math.floor(i / horizontal.length)]! * horizontal[i % horizontal.length]!;
  });
  const shape: Tensor4D['shape'] = [n, (h - 1) * down + vertical.length, (w - 1) * across + horizontal.length, 1];
  const weights = tf.tensor4d(filter, [vertical.length, horizontal.length, 1, 1]);
  const wide = tf.conv2dTranspose(framed, weights, shape, [down, across], 'valid');
  return tf.slice(wide, [0, 3 * margin(vertical), 3 * margin(horizontal), 0], [n, height, width, 1]);
}

/** The plane with its edge repeated once around it. */
function framing(planes: Tensor4D, rows: number, columns: number): Tensor4D {
  const [n, h, w, c] = planes.shape;
  const tall =
    rows === 0
      ? planes
      : tf.concat([tf.slice(planes, [0, 0], [n, 1]), planes, tf.slice(planes, [0, h - 1], [n, 1])], 1);
  if (columns === 0) return tall;
  const size = [n, h + 2 * rows, 1, c];
  return tf.concat([tf.slice(tall, [0, 0, 0], size), tall, tf.slice(tall, [0, 0, w - 1], size)], 2);
}

function top(planes: Tensor4D, height: number, width: number): Tensor4D {
  const [n, h, w, c] = planes.shape;
  return h === height && w === width ? planes : tf.slice(planes, [0, 0, 0, 0], [n, height, width, c]);
}
