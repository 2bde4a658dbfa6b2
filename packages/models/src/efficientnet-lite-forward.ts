import * as tf from '@tensorflow/tfjs-core';
import type { LiteBlock } from './efficientnet-lite-blocks.js';

/** What the forward pass is made of: folded constants, or variables with batch norms in training. */
export interface LiteOps {
  /**
   * The convolution at this place of `liteConvolutions` and its batch norm; then ReLU6 where `activated` (the
   * projections of blocks have none). Padding is TensorFlow's `same`.
   */
  layer(x: tf.Tensor4D, index: number, stride: number, activated: boolean): tf.Tensor4D;
  /** [n, 1280] → [n, classes]. */
  classify(features: tf.Tensor2D): tf.Tensor2D;
}

/** [n, h, w, 3] in [0, 1] → [n, classes]. */
export function liteForward(images: tf.Tensor4D, blocks: readonly LiteBlock[], ops: LiteOps): tf.Tensor2D {
  let next = 0;
  // (255 x − 127) / 128
  const normalised = tf.sub<tf.Tensor4D>(tf.mul(images, 255 / 128), 127 / 128);
  let x = ops.layer(normalised, next++, 2, true);
  for (const { stride, expand, from, to } of blocks) {
    const wide = expand === 1 ? x : ops.layer(x, next++, 1, true);
    const filtered = ops.layer(wide, next++, stride, true);
    const projected = ops.layer(filtered, next++, 1, false);
    x = stride === 1 && from === to ? tf.add(projected, x) : projected;
  }
  return ops.classify(tf.mean<tf.Tensor2D>(ops.layer(x, next++, 1, true), [1, 2]));
}
