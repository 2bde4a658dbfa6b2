import * as tf from '@tensorflow/tfjs-core';
import type { Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import { Random } from '../random/random.js';
import type { Model } from '../plugin/contracts.js';

export interface TinyModelOptions {
  /** Height and width of an image, in pixels. */
  readonly size?: number;
  readonly classes?: number;
  readonly hidden?: number;
  /** Names the weights: another seed gives another network. */
  readonly seed?: number;
}

/**
 * A network of two dense layers with tanh between them and weights drawn from the seed: smooth, small, and as easily
 * fooled as a large one. Numbers below are for tests of plugins, which must not need a download.
 */
export function tinyModel({ size = 8, classes = 5, hidden = 16, seed = 0 }: TinyModelOptions = {}): Model {
  const features = size * size * 3;
  const draw = (name: string, rows: number, columns: number, scale: number) => {
    const random = new Random('tiny model', seed, name);
    return tf.tensor2d(
      Float32Array.from({ length: rows * columns }, () => scale * random.normal()),
      [rows, columns],
    );
  };
  const first = draw('first', features, hidden, 4 / Math.sqrt(features));
  const second = draw('second', hidden, classes, 2);
  return {
    inputSize: { height: size, width: size },
    classes,
    labelOffset: 0,
    weightsDigest: `tiny-${size}-${classes}-${hidden}-${seed}`,
    logits: (images: Tensor4D): Tensor2D =>
      tf.tidy(() => {
        const flat = tf.reshape<tf.Rank.R2>(tf.sub(images, 0.5), [-1, features]);
        return tf.matMul(tf.tanh(tf.matMul(flat, first)), second);
      }),
    dispose: () => tf.dispose([first, second]),
  };
}

/** n images in [0, 1] of the model's size, some of their pixels at the ends of the range: float32 [n, h, w, 3], row by row. */
export function drawnPixels(
  n: number,
  { height, width }: { readonly height: number; readonly width: number },
  seed = 0,
): Float32Array {
  const length = height * width * 3;
  const pixels = new Float32Array(n * length);
  for (let i = 0; i < n; i++) {
    const random = new Random('drawn pixels', seed, i);
    for (let k = 0; k < length; k++) pixels[i * length + k] = Math.min(1, Math.max(0, 1.1 * random.uniform() - 0.05));
  }
  return pixels;
}
