import type { ArtifactBatch } from './artifact-store.js';

/** Characters of the records whose rows are kept; as objects they take some four times that. */
const MOST = 16 * 2 ** 20;

/**
 * Rows of batches that were read, by the paths of their records: a batch that exists never changes, and the cells of a sweep
 * read the same ones of what they share. Those read last are kept. Nobody may write to a row.
 */
export class KeptRows {
  readonly #batches = new Map<string, { readonly batch: ArtifactBatch<unknown>; readonly size: number }>();
  #size = 0;

  constructor(private readonly most = MOST) {}

  get(path: string): ArtifactBatch<unknown> | undefined {
    const entry = this.#batches.get(path);
    if (!entry) return undefined;
    // To the end: the first one is let go first.
    this.#batches.delete(path);
    this.#batches.set(path, entry);
    return entry.batch;
  }

  /** @param size characters of its record */
  add(path: string, batch: ArtifactBatch<unknown>, size: number): void {
    this.#size += size - (this.#batches.get(path)?.size ?? 0);
    this.#batches.delete(path);
    this.#batches.set(path, { batch, size });
    for (const [first, entry] of this.#batches) {
      if (this.#size <= this.most) return;
      this.#batches.delete(first);
      this.#size -= entry.size;
    }
  }

  clear(): void {
    this.#batches.clear();
    this.#size = 0;
  }
}
