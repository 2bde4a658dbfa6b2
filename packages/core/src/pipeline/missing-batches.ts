import { setTimeout as sleep } from 'node:timers/promises';
import type { Artifact, BatchClaim } from './artifact-store.js';
import type { PipelineContext } from './context.js';
import { isWhole, ownsBatch } from './shard.js';

const LOOK_EVERY_MS = 500;

/**
 * What is missing of the artifacts that one stage fills. Other processes may fill the same ones: shards of this run, or
 * runs that need the same. Each batch is computed by one of them; those that others are at are waited for.
 */
export class MissingBatches {
  /** Batches of the dataset, or of the artifact that the images come from, as far as they were seen. */
  #count = 0;
  readonly #elsewhere = new Set<number>();
  /** In a pass after the first: those that others left. */
  #again: ReadonlySet<number> | undefined;
  readonly #held = new Map<string, BatchClaim>();

  constructor(
    private readonly context: Pick<PipelineContext, 'shard' | 'signal'>,
    private readonly artifacts: readonly Artifact<unknown>[],
  ) {}

  /** Whether the images of a batch are to be read: asked for every batch that there is. */
  readonly needed = (index: number): boolean => {
    this.#count = Math.max(this.#count, index + 1);
    if (!ownsBatch(this.context.shard, index)) return false;
    const missing = this.#missingOf(index);
    if (missing.length === 0) return false;
    if (this.#again) return this.#again.has(index);
    if (missing.some((artifact) => !artifact.claimed(index))) return true;
    this.#elsewhere.add(index);
    return false;
  };

  /** Whether this process is to compute a batch now: then nobody else does until it is {@link written}. */
  async claim(artifact: Artifact<unknown>, index: number): Promise<boolean> {
    if (artifact.has(index)) return false;
    const claim = await artifact.claim(index);
    if (!claim) this.#elsewhere.add(index);
    // Whoever had it may have written it meanwhile.
    else if (artifact.has(index)) claim.release();
    else {
      this.#held.set(`${artifact.name} ${index}`, claim);
      return true;
    }
    return false;
  }

  written(artifact: Artifact<unknown>, index: number): void {
    const name = `${artifact.name} ${index}`;
    this.#held.get(name)?.release();
    this.#held.delete(name);
  }

  /**
   * Resolves when all batches of this process's shard are there.
   *
   * @param pass goes through the images that are {@link needed} and computes what it can {@link claim}; once, or more often
   *   where others left what they had taken
   * @param onWait told once, before it waits for others
   */
  async fill(pass: () => Promise<void>, onWait: () => void): Promise<void> {
    let waited = false;
    try {
      for (;;) {
        await pass();
        const left = [...this.#elsewhere];
        this.#elsewhere.clear();
        const free = await this.#leftByOthers(left, () => {
          if (!waited) onWait();
          waited = true;
        });
        if (free.length === 0) break;
        this.#again = new Set(free);
        // Those that others are at still are looked after when this pass is over.
        for (const index of left) if (!this.#again.has(index)) this.#elsewhere.add(index);
      }
    } finally {
      for (const claim of this.#held.values()) claim.release();
      this.#held.clear();
    }
    if (!isWhole(this.context.shard)) return;
    for (const artifact of this.artifacts) await artifact.finish(this.#count);
  }

  /** Waits until all of them are there, or some are free again: those. */
  async #leftByOthers(batches: readonly number[], onWait: () => void): Promise<number[]> {
    for (;;) {
      this.context.signal.throwIfAborted();
      const missing = batches.filter((index) => this.#missingOf(index).length > 0);
      const free: number[] = [];
      for (const index of missing) if (!(await this.#isHeld(index))) free.push(index);
      if (missing.length === 0 || free.length > 0) return free;
      onWait();
      await sleep(LOOK_EVERY_MS, undefined, { signal: this.context.signal });
    }
  }

  async #isHeld(index: number): Promise<boolean> {
    for (const artifact of this.#missingOf(index)) if (!(await artifact.isHeld(index))) return false;
    return true;
  }

  #missingOf(index: number): Artifact<unknown>[] {
    return this.artifacts.filter((artifact) => !artifact.has(index));
  }
}
