import * as tf from '@tensorflow/tfjs-core';
import type { Tensor } from '@tensorflow/tfjs-core';

/**
 * The images that an attack still works on, and the tensors that go with them. Images that are done leave, so that
 * they cost nothing any more.
 */
export class ActiveSet<T extends Record<string, Tensor>> {
  #rows: number[];
  #state: T;

  /** @param rows which of the attack's images row i is; the set owns the tensors, [rows, …] each */
  constructor(rows: readonly number[], state: T) {
    this.#rows = [...rows];
    this.#state = state;
  }

  get rows(): readonly number[] {
    return this.#rows;
  }

  get size(): number {
    return this.#rows.length;
  }

  get state(): T {
    return this.#state;
  }

  /** Puts new tensors in the place of old ones, which are disposed. */
  update(next: Partial<T>): void {
    const state: Record<string, Tensor> = { ...this.#state };
    for (const [name, tensor] of Object.entries(next) as [string, Tensor][]) {
      if (state[name] !== tensor) state[name]?.dispose();
      state[name] = tensor;
    }
    this.#state = state as T;
  }

  /** Keeps the rows (indices into `rows`), in their order. Nothing is copied when all of them stay. */
  keep(kept: readonly number[]): void {
    if (kept.length === this.#rows.length) return;
    const indices = tf.tensor1d(kept as number[], 'int32');
    const next: Record<string, Tensor> = {};
    for (const [name, tensor] of Object.entries(this.#state)) {
      next[name] = tf.gather(tensor, indices);
      tensor.dispose();
    }
    indices.dispose();
    this.#state = next as T;
    this.#rows = kept.map((i) => this.#rows[i]!);
  }

  dispose(): void {
    for (const tensor of Object.values(this.#state)) tensor.dispose();
  }
}
