import type { CellJob, CellOutcome, Executor, SweepEvent } from '../plugin/executor-contract.js';
import { EXECUTOR } from '../spec/plugin-places.js';
import { toYaml } from '../spec/to-yaml.js';
import type { SweepCell } from './plan.js';
import { nextAttempt } from './retry.js';
import type { SweepSettings } from './settings.js';

export interface LoopOptions {
  readonly tell: (event: SweepEvent) => void;
  /** Records the last word on a cell; awaited before the sweep ends. */
  readonly ended: (cell: SweepCell, job: CellJob, outcome: CellOutcome) => Promise<void>;
  readonly signal: AbortSignal;
}

interface Attempt {
  readonly cell: SweepCell;
  readonly job: CellJob;
}

/** Hands cells to an executor, as many at once as it has slots, until each has its last word. */
export class CellLoop {
  readonly #stop = new AbortController();
  readonly #queue: Attempt[] = [];
  /** Attempts that wait for their time. */
  #waiting = 0;
  #wake: () => void = () => undefined;
  #changed = this.#change();

  constructor(
    private readonly executor: Executor,
    private readonly settings: SweepSettings,
    private readonly options: LoopOptions,
  ) {}

  /** @throws what the executor throws: then no other cell is begun, and those at work are stopped */
  async run(cells: readonly SweepCell[]): Promise<void> {
    const { signal } = this.options;
    const stop = () => this.#halt(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    for (const cell of cells) this.#enqueue({ cell, job: jobOf(cell) });
    const lanes = Array.from({ length: Math.min(this.executor.slots, cells.length) }, () => this.#lane());
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
      if (next) await this.#attempt(next);
      else if (this.#waiting > 0) await this.#changed;
      else return;
    }
  }

  async #attempt({ cell, job }: Attempt): Promise<void> {
    const outcome = await this.executor.execute(job, this.#stop.signal);
    const next = this.#stop.signal.aborted ? undefined : nextAttempt(cell, job, outcome, this.settings);
    if (next) {
      const { seconds, note } = next;
      this.options.tell({ type: 'retry', cell: cell.cell, attempt: next.job.attempt, outcome, seconds, note });
      this.#later({ cell, job: next.job }, seconds);
      return;
    }
    if (outcome.state !== 'INTERRUPTED') await this.options.ended(cell, job, outcome);
    this.options.tell({ type: 'ended', cell: cell.cell, attempt: job.attempt, outcome });
    const failed = outcome.state === 'FAILED' || outcome.state === 'TIMEOUT';
    if (failed && this.settings.on_failure === 'stop') this.#halt(new Error('a cell failed'));
  }

  #later(attempt: Attempt, seconds: number): void {
    this.#waiting++;
    const timer = setTimeout(() => {
      this.#waiting--;
      this.#enqueue(attempt);
    }, 1000 * seconds);
    this.#stop.signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
  }

  #enqueue(attempt: Attempt): void {
    this.options.tell({ type: 'queued', cell: attempt.cell.cell, attempt: attempt.job.attempt });
    this.#queue.push(attempt);
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

/** The first attempt at a cell. Who carries the cells out is the sweep's business, and no part of their specs. */
export function jobOf({ cell, key, resolved }: SweepCell): CellJob {
  const { threads, time_limit, strip } = resolved.execution;
  const spec = toYaml({ ...resolved, execution: { use: EXECUTOR, threads, time_limit, strip } });
  return { cell, key, spec, attempt: 1, timeLimit: time_limit };
}
