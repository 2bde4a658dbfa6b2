import { setMaxListeners } from 'node:events';
import type { CellJob, CellOutcome, Executor, SweepEvent } from '../plugin/executor-contract.js';
import { jobOf, shardsOf } from './cell-jobs.js';
import { LongWork } from './long-work.js';
import type { SweepCell } from './plan.js';
import { nextAttempt, type NextAttempt } from './retry.js';
import type { SweepSettings } from './settings.js';

export type LoopSettings = Pick<SweepSettings, 'on_failure' | 'retries' | 'backoff'>;

export interface LoopOptions {
  readonly tell: (event: SweepEvent) => void;
  /** Records the last word on a cell; awaited before the sweep ends. */
  readonly ended: (cell: LoopCell, job: CellJob, outcome: CellOutcome) => Promise<void>;
  readonly signal: AbortSignal;
  /**
   * Parts that a cell is split into; they are carried out before the cell itself. Default: it is not split.
   *
   * @param batch images a batch, where that is not the spec's
   */
  readonly shards?: (cell: LoopCell, batch?: number) => number;
  /** Whether somebody else carries out the cells themselves, when their shards are done. */
  readonly shardsOnly?: boolean;
}

export type LoopCell = Pick<SweepCell, 'cell' | 'key' | 'resolved'>;

interface Attempt {
  readonly cell: LoopCell;
  readonly job: CellJob;
  readonly group?: ShardGroup;
}

/** A cell alone: a first attempt at it, whose job is made when it is handed over. There would be no room for a million. */
type Waiting = Attempt | LoopCell;

/** The shards of one attempt at a cell. */
interface ShardGroup {
  /** The cell itself. */
  readonly job: CellJob;
  readonly stop: AbortController;
  left: number;
  /** What ended it, of the first shard that did not complete. */
  failure?: { readonly job: CellJob; readonly outcome: CellOutcome; readonly next: NextAttempt | undefined };
}

/** Hands cells, or the shards of cells and then the cells, to an executor, as many at once as it has slots, until each has its last word. */
export class CellLoop {
  readonly #stop = new AbortController();
  readonly #queue: Waiting[] = [];
  /** Attempts that are at work or wait for their time: others may follow them. */
  #open = 0;
  #wake: () => void = () => undefined;
  #changed = this.#change();

  constructor(
    private readonly executor: Executor,
    private readonly settings: LoopSettings,
    private readonly options: LoopOptions,
  ) {
    // Each attempt listens for the end of the sweep, and a queue takes all of them at once.
    setMaxListeners(0, this.#stop.signal);
  }

  /** @throws what the executor throws: then no other cell is begun, and those at work are stopped */
  async run(cells: readonly LoopCell[]): Promise<void> {
    const { signal } = this.options;
    const stop = () => this.#halt(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    const work = new LongWork();
    for (const cell of cells) {
      if (work.isDue) await work.turn();
      if (this.#stop.signal.aborted) break;
      if (this.#isSplit(cell)) this.#begin(cell, jobOf(cell));
      else this.#enqueue(cell);
    }
    const lanes = Array.from({ length: Math.min(this.executor.slots, this.#queue.length) }, () => this.#lane());
    try {
      await Promise.all(lanes);
    } catch (error) {
      this.#halt(error);
      await Promise.allSettled(lanes);
      throw error;
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  async #lane(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const next = this.#queue.shift();
      if (next) {
        this.#open++;
        try {
          await this.#attempt('job' in next ? next : { cell: next, job: jobOf(next) });
        } finally {
          this.#open--;
          this.#signalChange();
        }
      } else if (this.#open > 0) await this.#changed;
      else return;
    }
  }

  /** An attempt at a cell: its shards first, where it is split. */
  #begin(cell: LoopCell, job: CellJob): void {
    if (!this.#isSplit(cell, job.batch)) return this.#enqueue({ cell, job });
    const of = this.#shards(cell, job.batch);
    const group: ShardGroup = { job, stop: new AbortController(), left: of };
    for (const shard of shardsOf(job, of)) this.#enqueue({ cell, job: shard, group });
  }

  #isSplit(cell: LoopCell, batch?: number): boolean {
    return this.options.shardsOnly === true || this.#shards(cell, batch) > 1;
  }

  #shards(cell: LoopCell, batch?: number): number {
    return this.options.shards?.(cell, batch) ?? 1;
  }

  async #attempt({ cell, job, group }: Attempt): Promise<void> {
    const stopped = this.#stop.signal;
    const signal = group ? AbortSignal.any([stopped, group.stop.signal]) : stopped;
    const outcome = await this.executor.execute(job, signal);
    const next = signal.aborted ? undefined : nextAttempt(cell, job, outcome, this.settings);
    const anew = next !== undefined && next.job.batch !== job.batch;
    if (group && (!next || anew)) return this.#shardEnded({ cell, job, group }, outcome, anew ? next : undefined);
    if (next) {
      this.#tellRetry(cell, next, outcome);
      // With other batches the shards begin anew, too.
      this.#later(next.seconds, () =>
        anew ? this.#begin(cell, next.job) : this.#enqueue({ cell, job: next.job, ...(group ? { group } : {}) }),
      );
      return;
    }
    await this.#lastWord(cell, job, outcome);
  }

  async #shardEnded(
    { cell, job, group }: Attempt & { readonly group: ShardGroup },
    outcome: CellOutcome,
    next: NextAttempt | undefined,
  ): Promise<void> {
    const shard = job.shard!;
    this.options.tell({ type: 'ended', cell: cell.cell, shard, attempt: job.attempt, outcome });
    if (outcome.state !== 'COMPLETED' && !group.failure) {
      group.failure = { job, outcome, next };
      // Nothing of the others is lost: their finished batches stand.
      group.stop.abort();
    }
    if (--group.left > 0) return;
    const { failure } = group;
    if (!failure) {
      if (!this.options.shardsOnly) this.#enqueue({ cell, job: group.job }, 'first');
    } else if (failure.next && !this.#stop.signal.aborted) {
      const { shard: _shard, ...whole } = failure.next.job;
      this.#tellRetry(cell, failure.next, failure.outcome);
      this.#later(failure.next.seconds, () => this.#begin(cell, whole));
    } else await this.#lastWord(cell, group.job, failure.outcome);
  }

  async #lastWord(cell: LoopCell, job: CellJob, outcome: CellOutcome): Promise<void> {
    if (outcome.state !== 'INTERRUPTED') await this.options.ended(cell, job, outcome);
    this.options.tell({ type: 'ended', cell: cell.cell, attempt: job.attempt, outcome });
    const failed = outcome.state === 'FAILED' || outcome.state === 'TIMEOUT';
    if (failed && this.settings.on_failure === 'stop') this.#halt(new Error('a cell failed'));
  }

  #tellRetry({ cell }: LoopCell, { job, seconds, note }: NextAttempt, outcome: CellOutcome): void {
    const of = job.shard ? { shard: job.shard } : {};
    this.options.tell({ type: 'retry', cell, ...of, attempt: job.attempt, outcome, seconds, note });
  }

  #later(seconds: number, begin: () => void): void {
    this.#open++;
    const timer = setTimeout(() => {
      this.#open--;
      begin();
      this.#signalChange();
    }, 1000 * seconds);
    this.#stop.signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
  }

  #enqueue(waiting: Waiting, place: 'first' | 'last' = 'last'): void {
    const isFirst = !('job' in waiting);
    const { shard, attempt } = isFirst ? { shard: undefined, attempt: 1 } : waiting.job;
    const { cell } = isFirst ? waiting : waiting.cell;
    this.options.tell({ type: 'queued', cell, ...(shard ? { shard } : {}), attempt });
    if (place === 'first') this.#queue.unshift(waiting);
    else this.#queue.push(waiting);
    this.#signalChange();
  }

  #halt(reason: unknown): void {
    this.#stop.abort(reason);
    this.#signalChange();
  }

  /** Lanes with nothing to do look again. */
  #signalChange(): void {
    const wake = this.#wake;
    this.#changed = this.#change();
    wake();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => (this.#wake = resolve));
  }
}
