import type * as TF from '@tensorflow/tfjs-core';
import { depthwiseInputGradient } from './depthwise-input.js';

/**
 * Gradient of average pooling: each output's share, dy over the number of input pixels in its window (those of the
 * padding do not count), goes back to these pixels. tfjs's own kernels divide by the window's full size, which is wrong
 * at padded edges.
 *
 * @param dy [n, output height, output width, channels]
 * @returns [n, height, width, channels]
 */
export function averagePoolGradient(tf: typeof TF, dy: TF.Tensor4D, info: TF.backend_util.Conv2DInfo): TF.Tensor4D {
  const rows = counts(info.inHeight, info.filterHeight, info.strideHeight, info.padInfo.top, info.outHeight);
  const columns = counts(info.inWidth, info.filterWidth, info.strideWidth, info.padInfo.left, info.outWidth);
  const pixels = Float32Array.from(rows.flatMap((row) => columns.map((column) => row * column)));
  const shares = tf.div(dy, tf.tensor(pixels, [1, info.outHeight, info.outWidth, 1]));
  const ones: TF.Tensor4D = tf.ones([info.filterHeight, info.filterWidth, info.inChannels, 1]);
  return depthwiseInputGradient(tf, shares as TF.Tensor4D, ones, info);
}

/** For each output along one side, how many input pixels its window covers. */
function counts(size: number, window: number, stride: number, before: number, outputs: number): number[] {
  return Array.from({ length: outputs }, (_, i) => {
    const start = i * stride - before;
    return Math.min(start + window, size) - Math.max(start, 0);
  });
}
