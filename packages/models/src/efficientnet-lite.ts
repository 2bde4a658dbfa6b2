import * as tf from '@tensorflow/tfjs-core';
import { ShieldError, sizeOf, toFloat32, type Model, type WeightMap } from '@shield/core';
import {
  BATCH_NORM,
  BATCH_NORM_EPSILON,
  HEAD_FILTERS,
  liteBlocks,
  liteConvolutions,
  type LiteConvolution,
  type LiteVariant,
} from './efficientnet-lite-blocks.js';
import { liteForward, type LiteOps } from './efficientnet-lite-forward.js';
import { trainableLite } from './efficientnet-lite-training.js';

/** A convolution with the batch norm folded into it. */
interface FoldedConvolution {
  /** [h, w, in, out]; [h, w, channels, 1] where depthwise. */
  readonly filter: tf.Tensor4D;
  readonly bias: tf.Tensor1D;
}

export interface LiteOptions extends LiteVariant {
  /** Height and width of the input. */
  readonly size: number;
  readonly weights: WeightMap;
  readonly weightsDigest: string;
  /** For the message of an error. */
  readonly path: string;
  /** Makes the trainable form: variables in the place of folded constants. */
  readonly training?: { readonly dropout: number };
}

/**
 * EfficientNet-Lite (Tan & Le, ICML 2019, arXiv:1905.11946; "Lite": without squeeze-and-excitation, ReLU6 for swish)
 * from the weights of a PyTorch state dictionary. Batch norms are folded into the convolutions.
 *
 * @throws WEIGHTS_INVALID where a tensor is missing or has another shape
 */
export function efficientNetLite(options: LiteOptions): Model {
  const { weights, size, training } = options;
  const classes = weights.get('_fc.bias')?.shape[0] ?? 0;
  checkShapes(options, classes);
  const shared = {
    inputSize: { height: size, width: size },
    classes,
    labelOffset: 0,
    weightsDigest: options.weightsDigest,
  };
  const blocks = liteBlocks(options);
  const layers = liteConvolutions(options);
  if (training) return { ...shared, ...trainableLite(blocks, layers, weights, training.dropout) };
  const convolutions = layers.map((layer) => fold(layer, weights));
  const dense = {
    // torch's [classes, features] as [features, classes].
    kernel: tf.tensor2d(toFloat32(weights.get('_fc.weight')!, [1, 0]), [HEAD_FILTERS, classes]),
    bias: tf.tensor1d(toFloat32(weights.get('_fc.bias')!)),
  };
  const ops = inference(layers, convolutions, dense);
  return {
    ...shared,
    logits: (images) => tf.tidy(() => liteForward(images, blocks, ops)),
    dispose: () => tf.dispose([convolutions.flatMap(({ filter, bias }) => [filter, bias]), dense.kernel, dense.bias]),
  };
}

function inference(
  layers: readonly LiteConvolution[],
  folded: readonly FoldedConvolution[],
  dense: { readonly kernel: tf.Tensor2D; readonly bias: tf.Tensor1D },
): LiteOps {
  return {
    layer(x, index, strides, activated) {
      const { filter, bias } = folded[index]!;
      const how = { x, filter, bias, strides, pad: 'same', activation: 'relu6' } as const;
      if (layers[index]!.depthwise) return tf.fused.depthwiseConv2d(how);
      // Not tfjs's fused op: without an activation that one stays fused under a gradient too, and goes back slowly.
      return activated ? tf.fused.conv2d(how) : tf.add(tf.conv2d(x, filter, strides, 'same'), bias);
    },
    classify: (features) => tf.add(tf.matMul(features, dense.kernel), dense.bias),
  };
}

/** y = γ (w∗x − μ) / √(σ² + ε) + β, as one convolution: w' = w γ/√(σ² + ε), b' = β − μ γ/√(σ² + ε). */
function fold(layer: LiteConvolution, weights: WeightMap): FoldedConvolution {
  const { convolution, batchNorm, depthwise, shape } = layer;
  const [filters, channels, height, width] = shape;
  const [gamma, beta, mean, variance] = BATCH_NORM.map((name) => toFloat32(weights.get(`${batchNorm}.${name}`)!)) as [
    Float32Array,
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  const scale = gamma.map((value, i) => value / Math.sqrt(variance[i]! + BATCH_NORM_EPSILON));
  const bias = beta.map((value, i) => value - mean[i]! * scale[i]!);
  // [out, in, h, w] as [h, w, in, out]: the filters run fastest in both kinds of layer.
  const filter = toFloat32(weights.get(convolution)!, [2, 3, 1, 0]).slice();
  for (let i = 0; i < filter.length; i++) filter[i]! *= scale[i % filters]!;
  return {
    filter: tf.tensor4d(filter, depthwise ? [height, width, filters, 1] : [height, width, channels, filters]),
    bias: tf.tensor1d(bias),
  };
}

/** Before any tensor is made, so that a refused file leaves none behind. */
function checkShapes(options: LiteOptions, classes: number): void {
  const expected = 'give weights of this very network, as its PyTorch port names them';
  const check = (name: string, shape: readonly number[]) => {
    const found = options.weights.get(name)?.shape;
    if (found && sizeOf(shape) > 0 && found.length === shape.length && shape.every((side, i) => side === found[i]))
      return;
    const reason = found
      ? `${name} has shape [${found.join(', ')}], not [${shape.join(', ')}]`
      : `there is no tensor ${name}`;
    throw new ShieldError('WEIGHTS_INVALID', { path: options.path, reason, expected });
  };
  for (const { convolution, batchNorm, shape } of liteConvolutions(options)) {
    check(convolution, shape);
    for (const name of BATCH_NORM) check(`${batchNorm}.${name}`, [shape[0]]);
  }
  check('_fc.bias', [classes]);
  check('_fc.weight', [classes, HEAD_FILTERS]);
}
