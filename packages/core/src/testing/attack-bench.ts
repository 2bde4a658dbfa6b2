import assert from 'node:assert/strict';
import * as tf from '@tensorflow/tfjs-core';
import type { Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import type { Backend } from '../backend/backend.js';
import { gridRepair, toGrid } from '../pipeline/grid/grid-repair.js';
import { createTargetModel } from '../pipeline/target-model.js';
import { undefended } from '../pipeline/threat/attacker-view.js';
import type { AttackPlugin } from '../plugin/define.js';
import type { AttackInput, Cost, Model } from '../plugin/contracts.js';
import { boundOf, normOf, type AttackNorm } from '../plugin/attack-bound.js';
import { Random } from '../random/random.js';
import { completeOptions, type OptionValues } from './conformance-case.js';
import { drawnPixels } from './tiny-model.js';

/** What one call of an attack gave. */
export interface Attacked {
  readonly pixels: Float32Array;
  readonly shape: readonly number[];
  readonly iterations: Int32Array;
  /** Passes booked to each image. */
  readonly passes: readonly { readonly forwards: number; readonly gradients: number }[];
  /** The inputs, read back after the attack. */
  readonly inputsAfter: { readonly pixels: Float32Array; readonly labels: Int32Array };
}

export interface AttackCall {
  /** Over the bench's own options. */
  readonly options?: OptionValues;
  /** Which images, in which order. Default: all. */
  readonly rows?: readonly number[];
  /** Classes to reach, one an image. */
  readonly targets?: Int32Array;
  /** Of the random streams. */
  readonly seed?: number;
  /** The model's logits of this image, clean or changed, are NaN. */
  readonly nanRow?: number;
  /** Puts the images on the 8-bit grid, as `grid: uint8` does. */
  readonly grid?: boolean;
}

class Stopped extends Error {}

/** Mean squared distance to an image below which another counts as that image, changed; drawn images are 0.15 apart. */
const NEAR = 0.04;

/** What a norm may differ by when the batch is another, relative and absolute. */
const NORM_TOLERANCE = 1e-4;

/** Images with the labels that the model gives them, and an attack to run on them: what conformance cases work with. */
export class AttackBench {
  readonly options: Record<string, unknown>;
  readonly pixels: Float32Array;
  readonly labels: Int32Array;
  readonly #plugin: AttackPlugin;
  readonly #backend: Backend;
  readonly #model: Model;

  /** @param model the bench's own from now on */
  constructor(
    plugin: AttackPlugin,
    backend: Backend,
    model: Model,
    readonly images: number,
    options: OptionValues,
  ) {
    this.#plugin = plugin;
    this.#backend = backend;
    this.#model = model;
    this.options = completeOptions(plugin, options);
    this.pixels = drawnPixels(images, model.inputSize);
    this.labels = tf.tidy(() => {
      const logits = model.logits(tf.tensor4d(this.pixels, this.shape));
      return Int32Array.from(tf.argMax(logits, 1).dataSync());
    });
  }

  get imageLength(): number {
    const { height, width } = this.#model.inputSize;
    return height * width * 3;
  }

  get shape(): [number, number, number, number] {
    const { height, width } = this.#model.inputSize;
    return [this.images, height, width, 3];
  }

  tensors(): number {
    return tf.memory().numTensors;
  }

  get norm(): AttackNorm {
    return normOf(this.#plugin, this.options);
  }

  /** In 0-255 levels and its norm, where it has one. */
  get bound(): number | undefined {
    return boundOf(this.options);
  }

  cost(): Cost {
    return this.#plugin.cost(this.options);
  }

  async attack(call: AttackCall = {}): Promise<Attacked> {
    return this.#attack(call, () => undefined);
  }

  /** Stops the attack at the given call of `checkpoint`; says whether it got that far. */
  async attackUntil(checkpoint: number): Promise<{ stopped: boolean }> {
    let count = 0;
    try {
      await this.#attack({}, () => {
        if (++count === checkpoint) throw new Stopped();
      });
      return { stopped: false };
    } catch (error) {
      if (!(error instanceof Stopped)) throw error;
      return { stopped: true };
    }
  }

  async #attack(call: AttackCall, onCheckpoint: () => void): Promise<Attacked> {
    const { rows = Array.from({ length: this.images }, (_, i) => i), targets, seed = 0, nanRow } = call;
    const options = completeOptions(this.#plugin, { ...this.options, ...call.options });
    const passes = rows.map(() => ({ forwards: 0, gradients: 0 }));
    const target = createTargetModel({
      view: undefended(nanRow === undefined ? this.#model : this.#withNan(nanRow)),
      backend: this.#backend,
      capture: true,
      count: (at, { forwards, gradients }) => {
        for (let k = 0; k < at.length; k++) {
          passes[at[k]!]!.forwards += forwards;
          passes[at[k]!]!.gradients += gradients;
        }
      },
    });
    const length = this.imageLength;
    const input = new Float32Array(rows.length * length);
    rows.forEach((row, i) => input.set(this.pixels.subarray(row * length, (row + 1) * length), i * length));
    const [, ...size] = this.shape;
    const images = tf.tensor4d(input, [rows.length, ...size]);
    const labels = Int32Array.from(rows, (row) => this.labels[row]!);
    try {
      const given: AttackInput = {
        model: target,
        images,
        labels,
        ...(targets ? { targets: Int32Array.from(rows, (row) => targets[row]!) } : {}),
        ids: rows.map((row) => `image ${row}`),
        random: (i, draw = 0) => new Random(seed, 'attack', `image ${rows[i]}`, draw),
        checkpoint: async () => onCheckpoint(),
      };
      const output = await this.#plugin.run(given, options);
      assert.ok(!images.isDisposed, 'the attack disposed the images that it was given');
      assert.notEqual(output.images, images, 'the attack gave back the tensor that it was given, not one of its own');
      const float = Float32Array.from(await output.images.data());
      const result = {
        pixels: call.grid ? await toGrid(given, float, gridRepair(this.#plugin, options, 'round')) : float,
        shape: output.images.shape,
        iterations: output.iterations,
        passes,
        inputsAfter: { pixels: Float32Array.from(await images.data()), labels },
      };
      output.images.dispose();
      return result;
    } finally {
      if (!images.isDisposed) images.dispose();
      target.dispose();
    }
  }

  /**
   * The model with NaN logits (and so NaN gradients) for one image. An attack that lets images leave the batch moves
   * it, so it is known by what it looks like: changes by an attack are small beside its distance to the others.
   */
  #withNan(row: number): Model {
    const length = this.imageLength;
    const own = this.pixels.subarray(row * length, (row + 1) * length);
    const [, ...size] = this.shape;
    const looksLikeIt = tf.customGrad((images) => ({
      value: tf.tidy(() => {
        const distance = tf.mean(tf.square(tf.sub(images as Tensor4D, tf.tensor4d(own, [1, ...size]))), [1, 2, 3]);
        return tf.expandDims(tf.cast(tf.less(distance, NEAR), 'float32'), 1);
      }),
      gradFunc: () => tf.zerosLike(images as Tensor4D),
    }));
    return {
      ...this.#model,
      logits: (images: Tensor4D) =>
        tf.tidy(() => {
          const others = tf.sub(1, looksLikeIt(images));
          // 1 for the other images, 0/0 for this one.
          return tf.mul<Tensor2D>(this.#model.logits(images), tf.div(others, others));
        }),
    };
  }

  async logits(pixels: Float32Array): Promise<number[][]> {
    const logits = tf.tidy(() => this.#model.logits(tf.tensor4d(pixels, this.shape)));
    try {
      return await logits.array();
    } finally {
      logits.dispose();
    }
  }

  async fooled(pixels: Float32Array): Promise<boolean[]> {
    const logits = await this.logits(pixels);
    return logits.map((row, i) => row.indexOf(Math.max(...row)) !== this.labels[i]);
  }

  /** The plugin's norm of each image's change, in [0, 1] units. */
  norms(pixels: Float32Array): number[] {
    return Array.from({ length: this.images }, (_, i) => {
      const changes = this.#changes(pixels, i);
      switch (this.norm) {
        case 'l0':
          return Array.from({ length: changes.length / 3 }, (_, p) => changes.slice(3 * p, 3 * p + 3)).filter((rgb) =>
            rgb.some((c) => c > 0),
          ).length;
        case 'l1':
          return changes.reduce((sum, change) => sum + change, 0);
        case 'l2':
          return Math.hypot(...changes);
        case 'linf':
        case 'none':
          return Math.max(...changes);
      }
    });
  }

  /** The same images fool the model, and the change of each has the same L2 norm within {@link NORM_TOLERANCE}. */
  async assertAlike(a: Float32Array, b: Float32Array, where: string): Promise<void> {
    assert.deepEqual(await this.fooled(b), await this.fooled(a), `other images fool the model ${where}`);
    const length = this.imageLength;
    const l2 = (pixels: Float32Array, i: number) => Math.hypot(...this.#changes(pixels, i));
    for (let i = 0; i < a.length / length; i++) {
      const [before, after] = [l2(a, i), l2(b, i)];
      assert.ok(
        Math.abs(before - after) <= NORM_TOLERANCE * (1 + before),
        `image ${i}: the L2 norm of its change is ${after} ${where}, and ${before} in one batch`,
      );
    }
  }

  #changes(pixels: Float32Array, i: number): number[] {
    const length = this.imageLength;
    return Array.from({ length }, (_, k) => Math.abs(pixels[i * length + k]! - this.pixels[i * length + k]!));
  }

  dispose(): void {
    this.#model.dispose();
  }
}
