import * as tf from '@tensorflow/tfjs-core';
import type { Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import { taps } from '../../images/resample-filters.js';
import { placesTf1 } from '../../images/resize-tf1.js';
import type { Interpolation } from '../../images/resize.js';

interface Size {
  readonly height: number;
  readonly width: number;
}

/**
 * The resize of images/resize as a differentiable function: a line is a row vector, scaling it a product with the
 * filter's matrix. Equal to the resize of floats within float32 rounding; overshoots are cut to [0, 1] as there.
 *
 * @returns [n, from.height, from.width, 3] → [n, to.height, to.width, 3]
 */
export function resizeLayer(from: Size, to: Size, interpolation: Interpolation): (images: Tensor4D) => Tensor4D {
  if (from.height === to.height && from.width === to.width) return (images) => images;
  const across = matrix(from.width, to.width, interpolation);
  const down = matrix(from.height, to.height, interpolation);
  return (images) =>
    tf.tidy(() => {
      const n = images.shape[0];
      const wide = product(tf.transpose(images, [0, 1, 3, 2]), across, from.width, to.width);
      // [n, height, 3, width] → [n, width, 3, height]: the same product serves the columns.
      const high = product(
        tf.transpose(tf.reshape(wide, [n, from.height, 3, to.width]), [0, 3, 2, 1]),
        down,
        from.height,
        to.height,
      );
      const sized = tf.transpose(tf.reshape(high, [n, to.width, 3, to.height]), [0, 3, 1, 2]) as Tensor4D;
      return tf.clipByValue(sized, 0, 1);
    });
}

function product(lines: tf.Tensor, weights: Float32Array, from: number, to: number): Tensor2D {
  return tf.matMul(tf.reshape(lines, [-1, from]), tf.tensor2d(weights, [from, to]));
}

/** [from, to], row by row: what each sample of a line gives to each sample of the scaled one. */
function matrix(from: number, to: number, interpolation: Interpolation): Float32Array {
  const out = new Float32Array(from * to);
  if (interpolation === 'nearest') {
    for (let i = 0; i < to; i++) out[Math.min(from - 1, Math.trunc((i + 0.5) * (from / to))) * to + i] = 1;
    return out;
  }
  if (interpolation === 'bilinear_tf1') {
    const { low, high, part } = placesTf1(from, to);
    for (let i = 0; i < to; i++) {
      out[low[i]! * to + i]! += 1 - part[i]!;
      out[high[i]! * to + i]! += part[i]!;
    }
    return out;
  }
  const { size, bounds, weights } = taps(from, to, interpolation);
  for (let i = 0; i < to; i++) {
    for (let k = 0; k < bounds[2 * i + 1]!; k++) out[(bounds[2 * i]! + k) * to + i] = weights[i * size + k]!;
  }
  return out;
}
