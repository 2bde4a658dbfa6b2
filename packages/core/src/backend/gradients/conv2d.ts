import type * as TF from '@tensorflow/tfjs-core';

type Conv2DAttributes = Pick<TF.Conv2DAttrs, 'strides' | 'pad' | 'dataFormat' | 'dilations' | 'dimRoundingMode'>;

/**
 * Conv2D: tfjs's own gradients, but a 1×1 convolution of stride 1 goes back through one matrix product each, which
 * every backend runs at full speed.
 */
export function conv2dGradient(tf: typeof TF): TF.GradConfig {
  const builtIn = tf.getGradient('Conv2D');
  return {
    kernelName: 'Conv2D',
    inputsToSave: ['x', 'filter'],
    gradFunc: (dy, saved, attrs) => {
      const [x, filter] = saved as [TF.Tensor4D, TF.Tensor4D];
      const { strides, dataFormat } = attrs as unknown as Conv2DAttributes;
      const [height, width, channels, filters] = filter.shape;
      if (height !== 1 || width !== 1 || !isOne(strides) || dataFormat !== 'NHWC')
        return builtIn.gradFunc(dy, saved, attrs);
      const flatDy = () => tf.reshape(dy as TF.Tensor, [-1, filters]);
      return {
        x: () => tf.reshape(tf.matMul(flatDy(), tf.reshape(filter, [channels, filters]), false, true), x.shape),
        filter: () => tf.reshape(tf.matMul(tf.reshape(x, [-1, channels]), flatDy(), true, false), filter.shape),
      };
    },
  };
}

function isOne(strides: number | readonly number[]): boolean {
  return typeof strides === 'number' ? strides === 1 : strides.every((stride) => stride === 1);
}
