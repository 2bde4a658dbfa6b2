import * as tf from '@tensorflow/tfjs-core';
import { toFloat32, type Model, type WeightMap } from '@shield/core';
import { foldCopy, type FoldingInPlace } from './tf-slim-folding.js';
import type { SlimNetwork, SlimOps } from './tf-slim-ops.js';
import { classify, padded, poolsAndSums, slimForward } from './tf-slim-tensors.js';
import { trainableSlim } from './tf-slim-training.js';
import { checkSlimVariables, slimClasses, slimParts, slimScaleAndOffset, slimVariables } from './tf-slim-variables.js';

/** Height and width that tf-slim evaluates these networks at. */
export const SLIM_SIZE = 299;
/** ImageNet's 1000 and, before them, a background class. */
const WITH_BACKGROUND = 1001;

export interface SlimOptions {
  readonly weights: WeightMap;
  readonly weightsDigest: string;
  /** Where nobody else needs the weights: batch norms are then folded into their own memory, not into a copy. */
  readonly folding?: FoldingInPlace;
  /** For the message of an error. */
  readonly path: string;
  /** Height and width of the input; 299 by default. */
  readonly size?: number;
  /** Makes the trainable form: variables in the place of folded constants. */
  readonly training?: boolean;
  /** Is given every end point of each pass, by tf-slim's name without the network's scope. */
  readonly onEndPoint?: (name: string, value: tf.Tensor4D) => void;
}

/** A layer as the forward pass needs it: a batch norm is folded into the filter. */
interface Folded {
  readonly filter: tf.Tensor;
  readonly bias: tf.Tensor1D;
}
interface FoldedNorm {
  readonly scale: tf.Tensor1D;
  readonly offset: tf.Tensor1D;
}

/**
 * A network of tf-slim with the weights of a checkpoint, for images in [0, 1], which it takes to [-1, 1] as the
 * original's preprocessing does. Variables that it does not need (optimizer slots, global_step) may be there.
 *
 * @throws WEIGHTS_INVALID naming the variables that are missing or have another shape
 */
export function slimModel(network: SlimNetwork, options: SlimOptions): Model {
  const { weights, path, size = SLIM_SIZE } = options;
  const classes = slimClasses(network, weights);
  checkSlimVariables(slimVariables(network, classes), weights, path);
  const shared = {
    inputSize: { height: size, width: size },
    classes,
    labelOffset: classes === WITH_BACKGROUND ? 1 : 0,
    weightsDigest: options.weightsDigest,
  };
  if (options.training) return { ...shared, ...trainableSlim(network, classes, weights) };
  const parts = slimParts(network, classes);
  const layers = new Map<string, Folded>();
  for (const { scope, shape, then } of parts.layers) {
    layers.set(scope, then === 'bias' ? plain(network, scope, shape, weights) : fold(network, scope, shape, options));
  }
  const norms = new Map<string, FoldedNorm>();
  for (const { scope } of parts.norms) {
    const { scale, offset } = slimScaleAndOffset(network, `${network.scope}/${scope}`, weights);
    norms.set(scope, { scale: tf.tensor1d(scale), offset: tf.tensor1d(offset) });
  }
  const ops = inference(layers, norms, options.onEndPoint);
  return {
    ...shared,
    logits: (images) => tf.tidy(() => slimForward(network, ops, images, classes)),
    dispose: () => {
      for (const { filter, bias } of layers.values()) tf.dispose([filter, bias]);
      for (const { scale, offset } of norms.values()) tf.dispose([scale, offset]);
    },
  };
}

function inference(
  layers: ReadonlyMap<string, Folded>,
  norms: ReadonlyMap<string, FoldedNorm>,
  onEndPoint: SlimOptions['onEndPoint'],
): SlimOps<tf.Tensor4D> {
  return {
    convolution(x, scope, _, kernel, options = {}) {
      const { filter: stored, bias } = layers.get(scope)!;
      const filter = stored as tf.Tensor4D;
      const { stride = 1, then } = options;
      const { input, pad } = padded(x, kernel, options);
      // tfjs's fused op stays fused under a gradient when it has no activation, and goes back slowly.
      if (then === 'bias') return tf.add(tf.conv2d(input, filter, stride, pad), bias);
      return tf.fused.conv2d({ x: input, filter, bias, strides: stride, pad, activation: 'relu' });
    },
    batchNormRelu(x, scope) {
      const { scale, offset } = norms.get(scope)!;
      return tf.relu(tf.add<tf.Tensor4D>(tf.mul(x, scale), offset));
    },
    ...poolsAndSums,
    logits(x, scope) {
      const { filter, bias } = layers.get(scope)!;
      return classify(x, filter, bias);
    },
    endPoint(name, x) {
      onEndPoint?.(name, x);
      return x;
    },
  };
}

function plain(network: SlimNetwork, scope: string, shape: readonly number[], weights: WeightMap): Folded {
  const values = (leaf: string) => toFloat32(weights.get(`${network.scope}/${scope}/${leaf}`)!);
  return { filter: tf.tensor(values('weights'), [...shape]), bias: tf.tensor1d(values('biases')) };
}

function fold(
  network: SlimNetwork,
  scope: string,
  shape: readonly number[],
  { weights, folding }: SlimOptions,
): Folded {
  const name = `${network.scope}/${scope}`;
  const { filter, offset } = folding ? folding.folded(name, weights) : foldCopy(network, name, weights);
  return { filter: tf.tensor(filter, [...shape]), bias: tf.tensor1d(offset) };
}
