import { availableParallelism } from 'node:os';
import { Type } from '@sinclair/typebox';
import {
  ShieldError,
  WorkerProcess,
  defineExecutor,
  shareOf,
  type CellWorker,
  type Executor,
  type ExecutorContext,
} from '@shield/core';

/**
 * Several worker processes on this machine. The cores are divided among them: a worker's backend has cores / workers
 * threads, at least one, unless the spec sets `execution.threads` or `execution.shards`. Threads are part of what names an
 * artifact, since sums in another order round otherwise: set `threads` to have results equal to those of one process bit
 * for bit.
 */
export default defineExecutor({
  name: 'local',
  summary: 'the cells of a sweep, or the shards of a run, in several worker processes on this machine, watched',
  options: Type.Object({
    workers: Type.Integer({
      minimum: 0,
      maximum: 1024,
      default: 0,
      description:
        'processes that work at the same time; 0: cores / threads, of which each has one where nothing is said',
    }),
    memory: Type.Integer({
      minimum: 0,
      default: 0,
      description: 'MiB that a worker may have before it is ended; 0: its share of 80 % of the machine',
    }),
    hang_after: Type.Number({
      minimum: 0,
      default: 300,
      description:
        'seconds without a sign of life after which a worker is ended and its cell tried elsewhere; 0: never',
    }),
  }),
  open: (options, context) => {
    const { program } = context;
    if (program !== undefined) return new LocalExecutor(options, context, program);
    const reason = 'this program did not say how a worker is started';
    const expected = 'create SHIELD with the option program, or use execution.use: inline';
    throw new ShieldError('EXECUTOR_UNUSABLE', { name: 'local', reason, expected });
  },
});

interface LocalOptions {
  readonly workers: number;
  /** Of each, where the spec says: 0 where it does not. */
  readonly threads?: number;
  readonly memory: number;
  readonly hang_after: number;
}

class LocalExecutor implements Executor {
  readonly slots: number;
  readonly #threads: number;
  readonly #memory: number;
  /** By their places; a process that was lost leaves its place to the next. */
  readonly #workers: (CellWorker | undefined)[];
  readonly #taken: boolean[];

  constructor(
    private readonly options: LocalOptions,
    private readonly context: ExecutorContext,
    private readonly program: string,
  ) {
    const { workers, threads: given = 0 } = options;
    this.slots = workers || Math.max(1, Math.floor(availableParallelism() / Math.max(1, given)));
    const share = shareOf(this.slots);
    const threads = given || share.threads;
    const { memory } = share;
    this.#threads = threads;
    this.#memory = options.memory || memory;
    this.#workers = Array.from({ length: this.slots }, () => undefined);
    this.#taken = Array.from({ length: this.slots }, () => false);
    const each = `${threads} thread${threads === 1 ? '' : 's'}`;
    context.tell({ type: 'log', message: `${this.slots} workers, each with ${each} and up to ${this.#memory} MiB` });
  }

  async execute(...[job, signal]: Parameters<Executor['execute']>): ReturnType<Executor['execute']> {
    const place = this.#taken.indexOf(false);
    this.#taken[place] = true;
    try {
      let worker = this.#workers[place];
      if (!worker?.usable) this.#workers[place] = worker = this.#start(place);
      return await worker.execute(job, signal);
    } finally {
      this.#taken[place] = false;
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.flatMap((worker) => (worker ? [worker.end()] : [])));
  }

  #start(place: number): CellWorker {
    return WorkerProcess.start({
      program: this.program,
      work: this.context.work,
      name: String(place + 1),
      threads: this.#threads,
      memory: this.#memory,
      hangAfter: this.options.hang_after,
      tell: (report) => this.context.tell(report),
    });
  }
}
