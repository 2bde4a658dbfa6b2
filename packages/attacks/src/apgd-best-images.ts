import * as tf from '@tensorflow/tfjs-core';
import type { Tensor4D } from '@tensorflow/tfjs-core';
import type { AttackInput, AttackOutput } from '@shield/core';
import type { ActiveSet } from './active-set.js';

/** Margin of logits by which a model is wrong, so that another batch's rounding cannot undo it. */
export const WRONG_BY = 1e-3;

/** The best image of several tries for each that an attack was given, and what the tries have cost. */
export class BestImages {
  readonly #clean: Float32Array;
  readonly #pixels: Float32Array;
  readonly #shape: readonly [number, number, number];
  /** By how much the model is right about the image that is kept; the least of all tries. */
  readonly #right: Float64Array;
  readonly #iterations: Int32Array;

  private constructor(clean: Float32Array, shape: readonly [number, number, number, number]) {
    const [n, ...size] = shape;
    this.#clean = clean;
    this.#pixels = clean.slice();
    this.#shape = size;
    this.#right = new Float64Array(n).fill(Infinity);
    this.#iterations = new Int32Array(n);
  }

  static async of({ images }: AttackInput): Promise<BestImages> {
    return new BestImages((await images.data()) as Float32Array, images.shape);
  }

  get #length(): number {
    return this.#shape[0] * this.#shape[1] * this.#shape[2];
  }

  /** The images that the model has not got wrong yet. */
  standing(): number[] {
    return Array.from(this.#right.keys()).filter((image) => !(this.#right[image]! < -WRONG_BY));
  }

  /** Books one iteration. */
  spent(image: number): void {
    this.#iterations[image]!++;
  }

  /** The clean image as it is in memory; not to be written to. */
  clean(image: number): Float32Array {
    return this.#clean.subarray(image * this.#length, (image + 1) * this.#length);
  }

  /** The clean images of these rows, or what `make` makes of each; the caller's to dispose. */
  tensorOf(
    rows: readonly number[],
    make: (clean: Float32Array, image: number) => Float32Array = (clean) => clean,
  ): Tensor4D {
    const values = new Float32Array(rows.length * this.#length);
    rows.forEach((image, row) => values.set(make(this.clean(image), image), row * this.#length));
    return tf.tensor4d(values, [rows.length, ...this.#shape]);
  }

  /** Takes the `kept` images of the marked rows, where they are better than what there is. */
  async offer(
    active: ActiveSet<{ kept: Tensor4D }>,
    marked: readonly boolean[],
    right: ReadonlyMap<number, number>,
  ): Promise<void> {
    const rows = marked.flatMap((isMarked, row) => (isMarked ? [row] : []));
    const kept = tf.tidy(() => tf.gather(active.state.kept, tf.tensor1d(rows, 'int32')));
    try {
      const pixels = (await kept.data()) as Float32Array;
      rows.forEach((row, place) => {
        const image = active.rows[row]!;
        this.put(image, right.get(image) ?? NaN, pixels.subarray(place * this.#length, (place + 1) * this.#length));
      });
    } finally {
      kept.dispose();
    }
  }

  /**
   * @param right by how much the model is right about these pixels; NaN is never better
   */
  put(image: number, right: number, pixels: Float32Array): void {
    if (!(right < this.#right[image]!)) return;
    this.#right[image] = right;
    this.#pixels.set(pixels, image * this.#length);
  }

  output(): AttackOutput {
    const [n] = [this.#right.length];
    return { images: tf.tensor4d(this.#pixels, [n, ...this.#shape]), iterations: this.#iterations };
  }
}
