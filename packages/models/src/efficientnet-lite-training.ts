import * as tf from '@tensorflow/tfjs-core';
import { toFloat32, type Model, type TrainingPass, type WeightMap } from '@shield/core';
import { normalizedConvolution, type BatchNormVariables } from './batch-norm-layer.js';
import { BATCH_NORM_EPSILON, type LiteBlock, type LiteConvolution } from './efficientnet-lite-blocks.js';
import { liteForward, type LiteOps } from './efficientnet-lite-forward.js';

/** Torch's [out, in, h, w] as tfjs's [h, w, in, out], and as [h, w, channels, 1] where depthwise ([channels, 1, h, w]). */
const FILTER_AXES = { full: [2, 3, 1, 0], depthwise: [2, 3, 0, 1] } as const;
/** The way back. */
const SAVED_FILTER_AXES = { full: [3, 2, 0, 1], depthwise: [2, 3, 0, 1] } as const;

interface Layer {
  readonly filter: tf.Variable<tf.Rank.R4>;
  readonly norm: BatchNormVariables;
  readonly depthwise: boolean;
}

/** Statistics as they stand, and no dropout: the network as it is evaluated. */
const EVALUATED: TrainingPass = { batchStatistics: undefined, dropout: (x) => x };

/**
 * An EfficientNet-Lite whose weights are variables: batch norms apart from the convolutions, dropout before the
 * classifier. Saved under torch's names and in its layouts, so that PyTorch and the plugin read the file alike.
 *
 * @param dropout share of the features that is zeroed, from 0 up to 1
 */
export function trainableLite(
  blocks: readonly LiteBlock[],
  convolutions: readonly LiteConvolution[],
  weights: WeightMap,
  dropout: number,
): Required<Pick<Model, 'logits' | 'training' | 'dispose'>> {
  const variables: Record<string, tf.Variable> = {};
  const savedAxes: Record<string, readonly number[]> = {};
  const variable = <R extends tf.Rank>(name: string, trainable = true, axes?: readonly number[]) => {
    const stored = weights.get(name)!;
    const shape = axes ? axes.map((axis) => stored.shape[axis]!) : [...stored.shape];
    // A copy: a backend may keep the array that it is given, and this one may be a view of the file.
    const values = tf.tensor(toFloat32(stored, axes).slice(), shape);
    variables[name] = tf.variable(values, trainable);
    values.dispose();
    return variables[name] as unknown as tf.Variable<R>;
  };
  const layers = convolutions.map(({ convolution, batchNorm, depthwise }): Layer => {
    const kind = depthwise ? 'depthwise' : 'full';
    savedAxes[convolution] = SAVED_FILTER_AXES[kind];
    return {
      filter: variable<tf.Rank.R4>(convolution, true, FILTER_AXES[kind]),
      norm: {
        gamma: variable(`${batchNorm}.weight`),
        beta: variable(`${batchNorm}.bias`),
        mean: variable(`${batchNorm}.running_mean`, false),
        variance: variable(`${batchNorm}.running_var`, false),
      },
      depthwise,
    };
  });
  savedAxes['_fc.weight'] = [1, 0];
  const kernel = variable<tf.Rank.R2>('_fc.weight', true, [1, 0]);
  const bias = variable<tf.Rank.R1>('_fc.bias');
  const run = (images: tf.Tensor4D, pass: TrainingPass) =>
    tf.tidy(() => liteForward(images, blocks, trainingOps(layers, kernel, bias, pass, dropout)));
  return {
    logits: (images) => run(images, EVALUATED),
    training: { variables, head: ['_fc.weight', '_fc.bias'], savedAxes, logits: run },
    dispose: () => tf.dispose(variables),
  };
}

function trainingOps(
  layers: readonly Layer[],
  kernel: tf.Variable<tf.Rank.R2>,
  bias: tf.Variable<tf.Rank.R1>,
  pass: TrainingPass,
  dropout: number,
): LiteOps {
  return {
    layer(x, index, stride, activated) {
      const { filter, norm, depthwise } = layers[index]!;
      const convolve = (by: tf.Tensor4D): tf.Tensor4D =>
        depthwise ? tf.depthwiseConv2d(x, by, stride, 'same') : tf.conv2d(x, by, stride, 'same');
      const y = normalizedConvolution(convolve, filter, depthwise ? 2 : 3, norm, BATCH_NORM_EPSILON, pass);
      return activated ? tf.relu6(y) : y;
    },
    classify: (features) => tf.add(tf.matMul(pass.dropout(features, dropout), kernel), bias),
  };
}
