import type { CellReport } from '@shield/core';
import type { Job } from 'bullmq';
import type { QueuedCell } from './wire.js';

/** Reports that follow one another within this go together: each message costs Redis, the worker and the sweep alike. */
const TOGETHER_MS = 200;

/** What a worker tells of the cell that it carries out, on its way to the sweep. What cannot be told is no reason to stop. */
export class Reports {
  #waiting: CellReport[] = [];
  /** One message after another, so that they arrive in their order. */
  #last: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;

  constructor(private readonly job: Job<QueuedCell>) {}

  /** That a worker has begun is told at once. */
  tell(report: CellReport): void {
    this.#waiting.push(report);
    if (report.type === 'started') this.#send();
    else this.#timer ??= setTimeout(() => this.#send(), TOGETHER_MS);
  }

  /** Resolves when all of them are on their way. */
  async sent(): Promise<void> {
    this.#send();
    await this.#last;
  }

  #send(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const reports = this.#waiting;
    if (reports.length === 0) return;
    this.#waiting = [];
    const { job } = this;
    const run = reports.findLast(({ type }) => type === 'run');
    this.#last = this.#last
      .then(async () => {
        await job.updateProgress(reports);
        if (run?.type !== 'run') return;
        // Whoever takes the cell over goes on with this run.
        await job.updateData({ ...job.data, job: { ...job.data.job, resume: run.run } });
      })
      .catch(() => undefined);
  }
}
