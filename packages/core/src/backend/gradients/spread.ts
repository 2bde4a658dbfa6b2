import type * as TF from '@tensorflow/tfjs-core';

type Info = TF.backend_util.Conv2DInfo;

/** Puts stride − 1 zeros between neighbours: [n, h, w, c] → [n, (h−1)·sh+1, (w−1)·sw+1, c]. */
export function spread(tf: typeof TF, x: TF.Tensor4D, strideHeight: number, strideWidth: number): TF.Tensor4D {
  if (strideHeight === 1 && strideWidth === 1) return x;
  const [n, h, w, c] = x.shape;
  const rows = tf.pad(tf.reshape(x, [n * h, 1, w, c]), [[0, 0], [0, strideHeight - 1], [0, 0], [0, 0]]); // prettier-ignore
  const columns = tf.pad(tf.reshape(rows, [n * h * strideHeight * w, 1, c]), [
    [0, 0],
    [0, strideWidth - 1],
    [0, 0],
  ]);
  const whole: TF.Tensor4D = tf.reshape(columns, [n, h * strideHeight, w * strideWidth, c]);
  return tf.slice(whole, [0, 0, 0, 0], [n, (h - 1) * strideHeight + 1, (w - 1) * strideWidth + 1, c]);
}

/**
 * The gradient at a convolution's output made ready for the way back: spread out by the stride and padded, so that a
 * `valid` convolution of it with the turned kernel has the input's height and width.
 */
export function spreadAndPad(tf: typeof TF, dy: TF.Tensor4D, info: Info): TF.Tensor4D {
  const apart = spread(tf, dy, info.strideHeight, info.strideWidth);
  const [n, height, width, channels] = apart.shape;
  const top = info.filterHeight - 1 - info.padInfo.top;
  const left = info.filterWidth - 1 - info.padInfo.left;
  const bottom = info.inHeight + info.filterHeight - 1 - top - height;
  const right = info.inWidth + info.filterWidth - 1 - left - width;
  // More padding than the kernel reaches was never looked at in one part: there the gradient is cut instead.
  const cut = (size: number) => Math.max(0, -size);
  const rows = height - cut(top) - cut(bottom);
  const columns = width - cut(left) - cut(right);
  const seen: TF.Tensor4D = tf.slice(apart, [0, cut(top), cut(left), 0], [n, rows, columns, channels]);
  const add = (size: number) => Math.max(0, size);
  return tf.pad(seen, [
    [0, 0],
    [add(top), add(bottom)],
    [add(left), add(right)],
    [0, 0],
  ]);
}
