import * as tf from '@tensorflow/tfjs-core';
import type { Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import { Random, type AttackInput, type AttackOutput, type AttackPlugin } from '@shield/core';

/*
 * A smooth network whose weights and images are a formula, so that Python has the same ones
 * (bench/record/gradient_steps.py): 8×8×3 → 16 tanh → 5. Smooth, so that float rounding stays what it is.
 */
export const SIZE = 8;
export const CLASSES = 5;
const FEATURES = SIZE * SIZE * 3;
const HIDDEN = 16;

/** value k of a sequence in (-1, 1) that repeats nowhere near. */
const wave = (k: number, phase: number) => Math.sin(12.9898 * k + phase) * Math.cos(0.7071 * k);

function weights(rows: number, columns: number, scale: number, phase: number): Tensor2D {
  const values = Float32Array.from({ length: rows * columns }, (_, k) => scale * wave(k, phase));
  return tf.tensor2d(values, [rows, columns]);
}

export function formulaLogits(images: Tensor4D): Tensor2D {
  return tf.tidy(() => {
    const flat = tf.reshape<tf.Rank.R2>(tf.sub(images, 0.5), [-1, FEATURES]);
    const hidden = tf.tanh(tf.matMul(flat, weights(FEATURES, HIDDEN, 0.5, 1)));
    return tf.matMul(hidden, weights(HIDDEN, CLASSES, 3, 2));
  });
}

export function formulaImages(n: number): Tensor4D {
  const values = Float32Array.from({ length: n * FEATURES }, (_, k) => 0.5 + 0.5 * wave(k, 3));
  return tf.tensor4d(values, [n, SIZE, SIZE, 3]);
}

export interface Outcome {
  readonly pixels: Float32Array;
  readonly clean: Float32Array;
  readonly labels: Int32Array;
  readonly verdicts: Int32Array;
  readonly iterations: Int32Array;
  readonly by: AttackOutput['by'];
  readonly flags: AttackOutput['flags'];
  /** L2 norm of each image's change. */
  readonly l2: readonly number[];
  /** L∞ norm of each image's change. */
  readonly linf: readonly number[];
  readonly l1: readonly number[];
  /** Values, three a pixel, that each image's change has. */
  readonly l0: readonly number[];
}

/** What an attack makes of n of those images, away from the class that the network gives them. */
export async function attackFormula(
  plugin: AttackPlugin,
  options: Record<string, unknown>,
  n = 6,
  change: Partial<AttackInput> = {},
): Promise<Outcome> {
  const drawn = formulaImages(n);
  const { images = drawn } = change;
  const labels = argMax(images);
  const output = await plugin.run(
    {
      model: {
        inputSize: { height: SIZE, width: SIZE },
        classes: CLASSES,
        logits: formulaLogits,
        compile:
          (_name, _cost, fn) =>
          (_rows, ...inputs) =>
            tf.tidy(() => fn(...inputs)),
      },
      images,
      labels,
      ids: Array.from(labels, (_, i) => `image ${i}`),
      random: (i, draw = 0) => new Random('formula network', i, draw),
      checkpoint: () => Promise.resolve(),
      ...change,
    },
    { ...defaults(plugin), ...options },
  );
  const pixels = Float32Array.from(await output.images.data());
  const clean = Float32Array.from(await images.data());
  const verdicts = argMax(output.images);
  tf.dispose([drawn, output.images]);
  const changes = Array.from(labels, (_, i) =>
    Array.from({ length: FEATURES }, (_, k) => pixels[i * FEATURES + k]! - clean[i * FEATURES + k]!),
  );
  return {
    pixels,
    clean,
    labels,
    verdicts,
    iterations: output.iterations,
    by: output.by,
    flags: output.flags,
    l2: changes.map((row) => Math.hypot(...row)),
    linf: changes.map((row) => Math.max(...row.map(Math.abs))),
    l1: changes.map((row) => row.reduce((sum, value) => sum + Math.abs(value), 0)),
    l0: changes.map((row) => row.filter((value) => value !== 0).length),
  };
}

function defaults({ options }: AttackPlugin): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(options.properties).map(([name, schema]) => [name, schema.default as unknown]),
  );
}

function argMax(images: Tensor4D): Int32Array {
  return tf.tidy(() => Int32Array.from(tf.argMax(formulaLogits(images), 1).dataSync()));
}
