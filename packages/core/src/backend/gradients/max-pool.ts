import type * as TF from '@tensorflow/tfjs-core';

/**
 * Gradient of max pooling: each output's goes to the first largest input of its window. tfjs's WebAssembly kernel adds
 * to memory that it never sets to zero, and so gives back what an earlier tensor left there.
 *
 * @param dy [n, output height, output width, channels]
 * @param x [n, height, width, channels]
 * @returns as `x`
 */
export function maxPoolGradient(
  tf: typeof TF,
  dy: TF.Tensor4D,
  x: TF.Tensor4D,
  info: TF.backend_util.Conv2DInfo,
): TF.Tensor4D {
  const { batchSize, inHeight, inWidth, inChannels, outHeight, outWidth, strideHeight, strideWidth, padInfo } = info;
  const values = x.dataSync();
  const gradients = dy.dataSync();
  const out = new Float32Array(values.length);
  for (let image = 0, from = 0; image < batchSize; image++) {
    const start = image * inHeight * inWidth;
    for (let row = 0; row < outHeight; row++) {
      const top = row * strideHeight - padInfo.top;
      const lastRow = Math.min(top + info.filterHeight, inHeight);
      for (let column = 0; column < outWidth; column++) {
        const left = column * strideWidth - padInfo.left;
        const lastColumn = Math.min(left + info.filterWidth, inWidth);
        for (let channel = 0; channel < inChannels; channel++, from++) {
          let best = -1;
          let largest = -Infinity;
          for (let i = Math.max(top, 0); i < lastRow; i++) {
            for (let j = Math.max(left, 0); j < lastColumn; j++) {
              const at = (start + i * inWidth + j) * inChannels + channel;
              if (best >= 0 && !(values[at]! > largest)) continue;
              best = at;
              largest = values[at]!;
            }
          }
          if (best >= 0) out[best]! += gradients[from]!;
        }
      }
    }
  }
  return tf.tensor4d(out, x.shape);
}
