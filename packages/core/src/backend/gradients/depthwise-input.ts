import type * as TF from '@tensorflow/tfjs-core';
import { spreadAndPad } from './spread.js';

/**
 * Gradient of a depthwise convolution with respect to its input, as a depthwise convolution of the gradient with the
 * kernel turned by 180°.
 *
 * @param dy [n, output height, output width, channels · multiplier]
 * @param filter [kernel height, kernel width, channels, multiplier]
 * @returns [n, height, width, channels]
 */
export function depthwiseInputGradient(
  tf: typeof TF,
  dy: TF.Tensor4D,
  filter: TF.Tensor4D,
  info: TF.backend_util.Conv2DInfo,
): TF.Tensor4D {
  const [height, width, channels, multiplier] = filter.shape;
  const turned = tf.reshape(tf.reverse(filter, [0, 1]), [height, width, channels * multiplier, 1]);
  const same =
    info.strideHeight === 1 && info.strideWidth === 1 && info.padInfo.type === 'SAME' && (height * width) % 2;
  const each = same
    ? tf.depthwiseConv2d(dy, turned as TF.Tensor4D, 1, 'same')
    : tf.depthwiseConv2d(spreadAndPad(tf, dy, info), turned as TF.Tensor4D, 1, 'valid');
  if (multiplier === 1) return each;
  return tf.reshape(tf.sum(tf.reshape(each, [-1, channels, multiplier]), 2), info.inShape);
}
