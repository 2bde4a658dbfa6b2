import type * as TF from '@tensorflow/tfjs-core';

type Attributes = TF.DepthwiseConv2dNativeAttrs;

/**
 * Depthwise convolution, with respect to its input, as another depthwise convolution: of dy, spread out by the
 * stride, with the kernel turned by 180°. The forward kernels are fast on every backend; the backward ones are slow
 * on TensorFlow and missing in WebAssembly.
 */
export function depthwiseConv2dGradient(tf: typeof TF): TF.GradConfig {
  const builtIn = tf.getGradient('DepthwiseConv2dNative');
  return {
    kernelName: 'DepthwiseConv2dNative',
    inputsToSave: ['x', 'filter'],
    gradFunc: (dy, saved, attrs) => {
      const [x, filter] = saved as [TF.Tensor4D, TF.Tensor4D];
      const { strides, pad, dilations, dimRoundingMode } = attrs as unknown as Attributes;
      const info = tf.backend_util.computeConv2DInfo(
        x.shape,
        filter.shape,
        strides,
        dilations ?? [1, 1],
        pad,
        dimRoundingMode,
        true,
      );
      const general = filter.shape[3] !== 1 || info.dilationHeight !== 1 || info.dilationWidth !== 1;
      const byTfjs = builtIn.gradFunc(dy, saved, attrs) as { x: () => TF.Tensor; filter: () => TF.Tensor };
      return {
        x: general ? byTfjs.x : () => inputGradient(tf, dy as TF.Tensor4D, filter, info),
        filter: byTfjs.filter,
      };
    },
  };
}

function inputGradient(
  tf: typeof TF,
  dy: TF.Tensor4D,
  filter: TF.Tensor4D,
  info: TF.backend_util.Conv2DInfo,
): TF.Tensor4D {
  const spread = spreadOut(tf, dy, info.strideHeight, info.strideWidth);
  const [, height, width] = spread.shape;
  const top = info.filterHeight - 1 - info.padInfo.top;
  const left = info.filterWidth - 1 - info.padInfo.left;
  const bottom = info.inHeight + info.filterHeight - 1 - top - height;
  const right = info.inWidth + info.filterWidth - 1 - left - width;
  const turned = tf.reverse(filter, [0, 1]);
  if (info.strideHeight === 1 && info.strideWidth === 1 && info.padInfo.type === 'SAME') {
    return tf.depthwiseConv2d(spread, turned, 1, 'same');
  }
  // Padding more than the kernel reaches (a `valid` forward pass that left rows unused) is cut away by negative pads.
  const cut = tf.slice(
    spread,
    [0, Math.max(0, -top), Math.max(0, -left), 0],
    [-1, height + Math.min(0, top) + Math.min(0, bottom), width + Math.min(0, left) + Math.min(0, right), -1],
  );
  const padded = tf.pad(cut, [
    [0, 0],
    [Math.max(0, top), Math.max(0, bottom)],
    [Math.max(0, left), Math.max(0, right)],
    [0, 0],
  ]);
  return tf.depthwiseConv2d(padded, turned, 1, 'valid');
}

/** Puts stride − 1 zeros between neighbours: [n, h, w, c] → [n, (h−1)·sh+1, (w−1)·sw+1, c]. */
function spreadOut(tf: typeof TF, dy: TF.Tensor4D, strideHeight: number, strideWidth: number): TF.Tensor4D {
  if (strideHeight === 1 && strideWidth === 1) return dy;
  const [n, h, w, c] = dy.shape;
  const apart = tf.pad(tf.reshape(dy, [n * h, 1, w, c]), [
    [0, 0],
    [0, strideHeight - 1],
    [0, 0],
    [0, 0],
  ]);
  const rows = tf.reshape(apart, [n * h * strideHeight * w, 1, c]);
  const columns = tf.pad(rows, [
    [0, 0],
    [0, strideWidth - 1],
    [0, 0],
  ]);
  const whole = tf.reshape(columns, [n, h * strideHeight, w * strideWidth, c]);
  return tf.slice(whole as TF.Tensor4D, [0, 0, 0, 0], [n, (h - 1) * strideHeight + 1, (w - 1) * strideWidth + 1, c]);
}
