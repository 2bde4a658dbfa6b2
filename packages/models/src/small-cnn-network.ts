import * as tf from '@tensorflow/tfjs-core';
import { ShieldError, rowMajorStrides, sizeOf, toFloat32, type Model, type Random, type WeightMap } from '@shield/core';

export const SIZE = 32;
/** Of the bundled weights. */
export const CLASSES = 10;

/** 3×3 convolutions, each with a ReLU and, but for the last, a 2×2 max pool: 32, 16, 8, 4 pixels. 85,978 parameters. */
const CONVOLUTIONS = [
  { name: 'conv1', from: 3, to: 24, pool: true },
  { name: 'conv2', from: 24, to: 48, pool: true },
  { name: 'conv3', from: 48, to: 64, pool: true },
  { name: 'conv4', from: 64, to: 64, pool: false },
] as const;
export const FEATURES = 4 * 4 * 64;

/** Shape of every variable by name, in tfjs's layouts: [h, w, in, out], [in, out]. */
export function smallCnnShapes(classes = CLASSES): Readonly<Record<string, readonly number[]>> {
  return Object.fromEntries([
    ...CONVOLUTIONS.flatMap(({ name, from, to }) => [
      [`${name}.filter`, [3, 3, from, to]],
      [`${name}.bias`, [to]],
    ]),
    ['dense.kernel', [FEATURES, classes]],
    ['dense.bias', [classes]],
  ]) as Record<string, number[]>;
}

/** Values that a network can start from: He et al. (2015, arXiv:1502.01852), zero biases. */
export function initialWeights(random: (name: string) => Random, classes: number): WeightMap {
  return new Map(
    Object.entries(smallCnnShapes(classes)).map(([name, shape]) => {
      const size = sizeOf(shape);
      const scale = Math.sqrt(2 / sizeOf(shape.slice(0, -1)));
      const stream = random(name);
      const data = Float32Array.from({ length: size }, () => (shape.length === 1 ? 0 : scale * stream.normal()));
      return [name, { shape, strides: rowMajorStrides(shape), data }];
    }),
  );
}

/**
 * @param path for the message of an error
 * @throws WEIGHTS_INVALID where a tensor is missing or has another shape
 */
export function smallCnn(weights: WeightMap, weightsDigest: string, path: string): Model {
  const classes = weights.get('dense.bias')?.shape[0] ?? CLASSES;
  const shapes = Object.entries(smallCnnShapes(classes));
  for (const [name, shape] of shapes) {
    const found = weights.get(name)?.shape;
    if (found?.join() === shape.join()) continue;
    const reason = found
      ? `${name} has shape [${found.join(', ')}], not [${shape.join(', ')}]`
      : `there is no tensor ${name}`;
    throw new ShieldError('WEIGHTS_INVALID', { path, reason, expected: 'give weights that were saved from small_cnn' });
  }
  const variables = Object.fromEntries(
    shapes.map(([name, shape]) => [
      name,
      // A copy: a backend may keep the array that it is given, and this one may be a view of the file.
      tf.tidy(() => tf.variable(tf.tensor(toFloat32(weights.get(name)!).slice(), [...shape]))),
    ]),
  );
  const logits = (images: tf.Tensor4D): tf.Tensor2D => tf.tidy(() => forward(images, variables));
  return {
    inputSize: { height: SIZE, width: SIZE },
    classes,
    labelOffset: 0,
    weightsDigest,
    logits,
    training: { variables, head: ['dense.kernel', 'dense.bias'], logits },
    dispose: () => tf.dispose(variables),
  };
}

function forward(images: tf.Tensor4D, variables: Readonly<Record<string, tf.Variable>>): tf.Tensor2D {
  let x = tf.sub<tf.Tensor4D>(tf.mul(images, 4), 2);
  for (const { name, pool } of CONVOLUTIONS) {
    const filter = variables[`${name}.filter`] as unknown as tf.Tensor4D;
    x = tf.fused.conv2d({ x, filter, bias: variables[`${name}.bias`]!, strides: 1, pad: 'same', activation: 'relu' });
    if (pool) x = tf.maxPool(x, 2, 2, 'valid');
  }
  const features = tf.reshape<tf.Rank.R2>(x, [-1, FEATURES]);
  return tf.add(tf.matMul(features, variables['dense.kernel'] as unknown as tf.Tensor2D), variables['dense.bias']!);
}
