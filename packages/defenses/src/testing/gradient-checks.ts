import * as tf from '@tensorflow/tfjs-core';
import type { Tensor4D } from '@tensorflow/tfjs-core';
import { Random, openBackend, type DefensePlugin, type FloatImage, type Image } from '@shield/core';

type Gradient = (images: Tensor4D, randoms: readonly Random[], options: Record<string, unknown>) => Tensor4D;

/** The plain backend, which needs nothing from outside. */
export function openCpu(): Promise<unknown> {
  return openBackend('cpu', { threads: 1, log: () => undefined, warn: () => undefined });
}

function gradientOf(plugin: DefensePlugin): Gradient {
  if (typeof plugin.gradient !== 'function') throw new TypeError(`${plugin.name} has no gradient of its own`);
  return plugin.gradient as Gradient;
}

/**
 * For each of some images of one size: what the plugin's gradient function gives beside what its `apply` gives, with
 * equal streams; both in [0, 1].
 */
export async function forwardAndApplied(
  plugin: DefensePlugin,
  images: readonly FloatImage[],
  options: Record<string, unknown>,
): Promise<{ forward: FloatImage; applied: FloatImage }[]> {
  const randoms = () => images.map((_, i) => new Random('gradient', i));
  const forward = tf.tidy(() =>
    tf.unstack(gradientOf(plugin)(stack(images), randoms(), options)).map((image) => ({
      data: image.dataSync() as Float32Array,
      height: image.shape[0]!,
      width: image.shape[1]!,
    })),
  );
  const streams = randoms();
  return Promise.all(
    images.map(async (image, i) => {
      const given: Image =
        plugin.takes === 'bytes' ? { ...image, data: Uint8Array.from(image.data, (x) => Math.round(255 * x)) } : image;
      const { data, height, width } = await plugin.apply(given, options, streams[i]!);
      const floats = data instanceof Uint8Array ? Float32Array.from(data, (level) => level / 255) : data;
      return { forward: forward[i]!, applied: { data: floats, height, width } };
    }),
  );
}

/**
 * The derivative of a drawn weighting of what comes out, along a drawn direction: by tf.grad, and by a central
 * difference of the given step. `through` is called four times. The direction moves `samples` samples, or all.
 */
export function derivatives(
  through: (images: Tensor4D) => Tensor4D,
  images: readonly FloatImage[],
  step: number,
  { seed = 0, samples }: { readonly seed?: number; readonly samples?: number } = {},
): { readonly byGradient: number; readonly byDifference: number } {
  return tf.tidy(() => {
    const x = stack(images);
    const stream = new Random('derivatives', seed);
    const drawn = (shape: number[]) =>
      tf.tensor(
        Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => stream.normal()),
        shape,
      );
    const weights = drawn(through(x).shape);
    const moved = samples === undefined ? 1 : samples / x.size;
    const direction = tf.mul(drawn(x.shape), mask(x.shape, moved, stream));
    const value = (at: tf.Tensor) => tf.sum(tf.mul(through(at as Tensor4D), weights));
    const byGradient = tf.sum(tf.mul(tf.grad(value)(x), direction)).dataSync()[0]!;
    // The difference of what comes out is summed up, not the sums' difference: less is lost to 32 bits.
    const shifted = (by: number) => through(tf.add(x, tf.mul(direction, by)));
    const difference = tf.mul(tf.sub(shifted(step), shifted(-step)), weights).dataSync<'float32'>();
    const byDifference = difference.reduce((sum, each) => sum + each, 0) / (2 * step);
    return { byGradient, byDifference };
  });
}

function mask(shape: number[], share: number, stream: Random): tf.Tensor {
  const size = shape.reduce((a, b) => a * b);
  return tf.tensor(
    Float32Array.from({ length: size }, () => (stream.uniform() < share ? 1 : 0)),
    shape,
  );
}

/** [n, height, width, 3] of images of one size. */
export function stack(images: readonly FloatImage[]): Tensor4D {
  return tf.stack(images.map(({ data, height, width }) => tf.tensor3d(data, [height, width, 3]))) as Tensor4D;
}
