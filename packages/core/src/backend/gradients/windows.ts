import type * as TF from '@tensorflow/tfjs-core';

/**
 * For each place (i, j) of a convolution's kernel, row by row, the input values that it meets:
 * kernel height · kernel width tensors of shape [n, output height, output width, c].
 */
export function* windows(tf: typeof TF, x: TF.Tensor4D, info: TF.backend_util.Conv2DInfo): Generator<TF.Tensor4D> {
  const [n, , , channels] = x.shape;
  const { strideHeight, strideWidth, outHeight, outWidth, padInfo } = info;
  const padding: [number, number][] = [[0, 0], [padInfo.top, padInfo.bottom], [padInfo.left, padInfo.right], [0, 0]]; // prettier-ignore
  const padded = tf.pad(x, padding);
  for (let i = 0; i < info.filterHeight; i++) {
    for (let j = 0; j < info.filterWidth; j++) {
      const end = [n, i + (outHeight - 1) * strideHeight + 1, j + (outWidth - 1) * strideWidth + 1, channels];
      yield tf.stridedSlice(padded, [0, i, j, 0], end, [1, strideHeight, strideWidth, 1]) as TF.Tensor4D;
    }
  }
}
