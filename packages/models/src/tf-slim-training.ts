import * as tf from '@tensorflow/tfjs-core';
import { toFloat32, type Model, type TrainingPass, type WeightMap } from '@shield/core';
import { normalized, normalizedConvolution, type BatchNormVariables } from './batch-norm-layer.js';
import type { SlimNetwork, SlimOps } from './tf-slim-ops.js';
import { classify, padded, poolsAndSums, slimForward } from './tf-slim-tensors.js';
import { slimParts } from './tf-slim-variables.js';

/** Statistics as they stand, and no dropout: the network as it is evaluated. */
const EVALUATED: TrainingPass = { batchStatistics: undefined, dropout: (x) => x };

/**
 * A network of tf-slim whose weights are variables, under the checkpoint's names. Inception-v4's auxiliary classifier
 * is not part of it.
 */
export function trainableSlim(
  network: SlimNetwork,
  classes: number,
  weights: WeightMap,
): Required<Pick<Model, 'logits' | 'training' | 'dispose'>> {
  const variables: Record<string, tf.Variable> = {};
  const variable = <R extends tf.Rank>(name: string, trainable = true) => {
    const stored = weights.get(name)!;
    // A copy: a backend may keep the array that it is given, and this one may be a view of the file.
    const values = tf.tensor(toFloat32(stored).slice(), [...stored.shape]);
    variables[name] = tf.variable(values, trainable);
    values.dispose();
    return variables[name] as unknown as tf.Variable<R>;
  };
  const norm = (scope: string): BatchNormVariables => ({
    ...(network.gamma ? { gamma: variable<tf.Rank.R1>(`${scope}/gamma`) } : {}),
    beta: variable(`${scope}/beta`),
    mean: variable(`${scope}/moving_mean`, false),
    variance: variable(`${scope}/moving_variance`, false),
  });
  const { layers, norms } = slimParts(network, classes);
  const filters = new Map<string, tf.Variable>();
  const biases = new Map<string, tf.Variable<tf.Rank.R1>>();
  const batchNorms = new Map<string, BatchNormVariables>();
  for (const { scope, then } of layers) {
    const name = `${network.scope}/${scope}`;
    filters.set(scope, variable(`${name}/weights`));
    if (then === 'bias') biases.set(scope, variable(`${name}/biases`));
    else batchNorms.set(scope, norm(`${name}/BatchNorm`));
  }
  for (const { scope } of norms) batchNorms.set(scope, norm(`${network.scope}/${scope}`));

  const opsFor = (pass: TrainingPass): SlimOps<tf.Tensor4D> => ({
    ...poolsAndSums,
    convolution(x, scope, _, kernel, options = {}) {
      const filter = filters.get(scope) as unknown as tf.Tensor4D;
      const { stride = 1, then } = options;
      const { input, pad } = padded(x, kernel, options);
      const convolve = (by: tf.Tensor4D): tf.Tensor4D => tf.conv2d(input, by, stride, pad);
      if (then === 'bias') return tf.add(convolve(filter), biases.get(scope)!);
      return tf.relu(normalizedConvolution(convolve, filter, 3, batchNorms.get(scope)!, network.epsilon, pass));
    },
    batchNormRelu(x, scope) {
      return tf.relu(normalized(x, batchNorms.get(scope)!, network.epsilon, pass.batchStatistics?.momentum));
    },
    logits: (x, scope) =>
      classify(
        pass.dropout(x, network.dropout),
        filters.get(scope) as unknown as tf.Tensor,
        biases.get(scope) as unknown as tf.Tensor1D,
      ),
    endPoint: (_, x) => x,
  });
  const run = (images: tf.Tensor4D, pass: TrainingPass) =>
    tf.tidy(() => slimForward(network, opsFor(pass), images, classes));
  const classifier = `${network.scope}/${layers.at(-1)!.scope}`;
  return {
    logits: (images) => run(images, EVALUATED),
    training: { variables, head: [`${classifier}/weights`, `${classifier}/biases`], logits: run },
    dispose: () => tf.dispose(variables),
  };
}
