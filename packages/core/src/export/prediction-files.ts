import { join } from 'node:path';
import { writeNpz } from '../files/npz.js';
import type { Prediction } from '../pipeline/rows.js';

/** Of the original's second file of accuracies. */
const TOP = 5;

/**
 * Gathers predictions on one kind of image, and writes them as the original's meters save them: `accuracy.npz` (ids,
 * y_pred, y_true) and `top5_accuracy.npz` (ids, top_k_preds, y_true).
 */
export class PredictionFiles {
  readonly #ids: string[] = [];
  readonly #labels: number[] = [];
  readonly #top: (readonly number[])[] = [];

  /** @param offset added to classes and labels: 1 where 0 is to be a background class */
  constructor(private readonly offset: number) {}

  add(id: string, label: number, { top }: Prediction): void {
    this.#ids.push(id);
    this.#labels.push(label + this.offset);
    this.#top.push(top.slice(0, TOP).map((one) => one + this.offset));
  }

  /** @param suffix of the files' names, before `.npz`. @returns their paths */
  async write(folder: string, suffix = ''): Promise<string[]> {
    const count = this.#ids.length;
    const k = Math.min(TOP, ...this.#top.map(({ length }) => length));
    const ids = { dtype: 'text', values: this.#ids } as const;
    const vector = (values: readonly number[]) => ({ dtype: 'float64', shape: [count], values }) as const;
    const y_true = vector(this.#labels);
    const first = join(folder, `accuracy${suffix}.npz`);
    await writeNpz(first, { ids, y_pred: vector(this.#top.map(([best]) => best!)), y_true });
    if (count === 0 || k < 2) return [first];
    const second = join(folder, `top${k}_accuracy${suffix}.npz`);
    const values = this.#top.flatMap((top) => top.slice(0, k));
    await writeNpz(second, { ids, top_k_preds: { dtype: 'float64', shape: [count, k], values }, y_true });
    return [first, second];
  }
}
