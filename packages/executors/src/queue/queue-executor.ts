import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Queue, QueueEvents } from 'bullmq';
import type { Redis } from 'ioredis';
import {
  ShieldError,
  fetchArtifact,
  fetchRun,
  reasonOf,
  type CellJob,
  type CellOutcome,
  type CellReport,
  type Executor,
  type ExecutorContext,
  type SharedStore,
  type SweepWork,
} from '@shield/core';
import { checkStore, openStore } from './open-store.js';
import { isAbandoned, takeOut, type CellQueue } from './queued-jobs.js';
import { PREFIX, checkRedis, connect, redisAddress, stopChannel, workKey, type QueueOptions } from './redis.js';
import { decodeOutcome, interrupted, lost } from './wire.js';
import { WorkerWatch } from './worker-watch.js';

/** Events can be missed while Redis is away: the jobs themselves are asked after this often. */
const LOOK_EVERY_MS = 2000;
/** Jobs that one look asks after. */
const LOOK_AT_ONCE = 200;
/** A cell that was told to stop is waited for so long, and looked after so often. */
const STOP_WITHIN_MS = 20_000;
const LOOK_AFTER_STOPPED_MS = 500;
/** Outcomes that nobody collected, as of a sweep that was killed, are kept so long, for the next one; so is its work. */
const KEPT_SECONDS = 7 * 24 * 3600;
const KEEP_EVERY_MS = 3600_000;

/** @throws EXECUTOR_UNREACHABLE, EXECUTOR_REFUSED, EXECUTOR_UNUSABLE */
export async function openQueue(options: QueueOptions, context: ExecutorContext): Promise<Executor> {
  const address = redisAddress(options);
  await checkRedis(address);
  const store = options.artifacts ? openStore(options) : undefined;
  if (store) await checkStore(store).catch(failing(store));
  const connection = { ...address.options };
  const queue: CellQueue = new Queue(options.queue, { connection, prefix: PREFIX });
  const events = new QueueEvents(options.queue, { connection, prefix: PREFIX });
  const warn = (message: string) => context.tell({ type: 'warn', message });
  const { patience } = options;
  const waits = patience > 0 ? `for up to ${patience} s` : 'for it';
  let executor: QueueExecutor | undefined;
  let giveUp: NodeJS.Timeout | undefined;
  const redis = connect(address, {
    lost: (reason) => {
      warn(`Redis (${address.name}) is away: ${reason}; nothing is lost, the sweep waits ${waits}`);
      if (patience > 0) giveUp = setTimeout(() => executor?.giveUp(gone(address.name, patience)), 1000 * patience);
    },
    back: () => {
      clearTimeout(giveUp);
      context.tell({ type: 'log', message: `Redis (${address.name}) is back` });
      void putWork();
    },
  });
  const work: SweepWork = store
    ? { ...context.work, store: { executor: 'bullmq', options: { ...options } } }
    : context.work;
  const putWork = () => redis.set(workKey(options.queue, context.work.id), JSON.stringify(work), 'EX', KEPT_SECONDS);
  // What fails is told by the connection above, once.
  queue.on('error', () => undefined);
  events.on('error', () => undefined);
  await putWork();
  const keeping = setInterval(() => void putWork().catch(() => undefined), KEEP_EVERY_MS).unref();
  await events.waitUntilReady();
  const closing = () => {
    clearTimeout(giveUp);
    clearInterval(keeping);
  };
  return (executor = new QueueExecutor(options, context, { queue, events, redis, store }, closing));
}

function failing(store: SharedStore): (error: unknown) => Promise<never> {
  return async (error) => {
    await store.close();
    throw error;
  };
}

function gone(name: string, seconds: number): ShieldError {
  const reason = `${name} has been away for ${seconds} s (execution.patience)`;
  const expected = 'start it again; shield resume goes on with the sweep, and what workers finished meanwhile is kept';
  return new ShieldError('EXECUTOR_UNREACHABLE', { name: 'bullmq', reason, expected });
}

interface Parts {
  readonly queue: CellQueue;
  readonly events: QueueEvents;
  readonly redis: Redis;
  /** Where workers that do not see the folder of runs put them. */
  readonly store: SharedStore | undefined;
}

interface Pending {
  readonly job: CellJob;
  readonly settle: (outcome: CellOutcome) => void;
  readonly fail: (error: unknown) => void;
  run: string | undefined;
  /** Whether this sweep has told it to stop. */
  stopping: boolean;
  /** What a shard made. */
  readonly artifacts: Set<string>;
}

class QueueExecutor implements Executor {
  readonly slots = Infinity;
  /** By the ids of the jobs in the queue. */
  readonly #pending = new Map<string, Pending>();
  /** Since when the store has been, as `performance.now` tells. */
  #storeAway: number | undefined;
  /** Those whose outcome is being fetched. */
  readonly #collecting = new Set<string>();
  /** Set when Redis has been waited for long enough. */
  #gone: ShieldError | undefined;
  readonly #look: NodeJS.Timeout;
  readonly #watch: WorkerWatch;

  constructor(
    private readonly options: QueueOptions,
    private readonly context: ExecutorContext,
    private readonly parts: Parts,
    private readonly closing: () => void,
  ) {
    const { events } = parts;
    events.on('progress', ({ jobId, data }) => {
      for (const report of data as readonly CellReport[]) this.#reported(jobId, report);
    });
    events.on('completed', ({ jobId }) => void this.#collect(jobId).catch(() => undefined));
    events.on('failed', ({ jobId }) => void this.#collect(jobId).catch(() => undefined));
    this.#watch = new WorkerWatch(
      options.queue,
      () => this.workers(),
      (type, message) => context.tell({ type, message }),
    );
    this.#look = setInterval(() => {
      void this.#lookAfter().catch(() => undefined);
      void this.#watch.look(() => this.#pending.size > 0);
    }, LOOK_EVERY_MS);
  }

  async execute(job: CellJob, signal: AbortSignal): Promise<CellOutcome> {
    if (signal.aborted) return interrupted();
    if (this.#gone) throw this.#gone;
    // The same for whoever asks for the same attempt: two sweeps of one spec wait for one job. No colon, no plain number.
    const id = `${this.context.work.id}-${job.id}`;
    const stop = () => void this.#stop(id).catch(() => undefined);
    signal.addEventListener('abort', stop, { once: true });
    try {
      return await new Promise<CellOutcome>((settle, reject) => {
        this.#pending.set(id, { job, settle, fail: reject, run: job.resume, stopping: false, artifacts: new Set() });
        this.#add(id, job).catch(reject);
      });
    } finally {
      this.#pending.delete(id);
      signal.removeEventListener('abort', stop);
    }
  }

  /** Brings the run here; what is damaged is the cell's failure, and a store that is away is asked again. @returns undefined then */
  async #brought(outcome: CellOutcome, made: ReadonlySet<string>): Promise<CellOutcome | undefined> {
    const { store } = this.parts;
    if (!store) return outcome;
    const { artifacts, runsFolder } = this.context.work;
    try {
      if (outcome.run !== undefined) await fetchRun(store, outcome.run, runsFolder);
      // One run that is spread over workers goes on here, with what its shards made.
      if (artifacts !== undefined) for (const name of made) await fetchArtifact(store, name, artifacts);
      this.#storeAway = undefined;
      return outcome;
    } catch (error) {
      const { code, message, fix } =
        error instanceof ShieldError
          ? error
          : new ShieldError('INTERNAL', { reason: reasonOf(error), log: 'the output of the sweep' });
      if (code === 'EXECUTOR_UNREACHABLE') return this.#waitForStore(store.name, message);
      return { ...outcome, state: 'FAILED', error: { code, message, fix } };
    }
  }

  #waitForStore(name: string, message: string): undefined {
    const { patience } = this.options;
    if (this.#storeAway === undefined)
      this.context.tell({ type: 'warn', message: `${message}; the sweep waits for it` });
    this.#storeAway ??= performance.now();
    const seconds = (performance.now() - this.#storeAway) / 1000;
    if (patience > 0 && seconds > patience) this.giveUp(gone(name, patience));
    return undefined;
  }

  /** Ends every cell's wait: no cell can be carried out. What is in the queue stays there. */
  giveUp(error: ShieldError): void {
    this.#gone = error;
    for (const { fail } of this.#pending.values()) fail(error);
  }

  /** Worker processes that listen to the queue now, at least; each may have several slots. */
  workers(): Promise<number> {
    return this.parts.queue.getWorkersCount();
  }

  async close(): Promise<void> {
    clearInterval(this.#look);
    this.closing();
    await this.parts.store?.close();
    if (this.#gone) {
      // Commands would wait for Redis: connections are cut instead.
      this.parts.redis.disconnect();
      void Promise.allSettled([this.parts.queue.disconnect(), this.parts.events.disconnect()]);
      return;
    }
    await this.parts.redis.del(workKey(this.options.queue, this.context.work.id)).catch(() => undefined);
    await Promise.allSettled([this.parts.queue.close(), this.parts.events.close()]);
    this.parts.redis.disconnect();
  }

  async #add(id: string, job: CellJob): Promise<void> {
    const there = await this.parts.queue.getJob(id);
    // What a worker left that died with it is not waited for: other workers find it only after a while.
    if (there && ((await there.isFailed()) || (await isAbandoned(this.parts, there))))
      await there.remove().catch(() => undefined);
    const kept = { age: KEPT_SECONDS };
    const data = { work: this.context.work.id, job };
    await this.parts.queue.add('cell', data, { jobId: id, attempts: 1, removeOnComplete: kept, removeOnFail: kept });
    if (there && (await there.isCompleted())) await this.#collect(id);
  }

  #reported(id: string, report: CellReport): void {
    const pending = this.#pending.get(id);
    if (!pending) return;
    this.#watch.seen();
    if (report.type === 'run') pending.run = report.run;
    if (report.type === 'artifact') pending.artifacts.add(basename(report.artifact.path));
    this.context.tell(report);
  }

  /** Takes the outcome of a job that is over, and the job out of the queue. */
  async #collect(id: string): Promise<void> {
    const pending = this.#pending.get(id);
    if (!pending || this.#collecting.has(id)) return;
    this.#collecting.add(id);
    try {
      await this.#take(id, pending);
    } finally {
      this.#collecting.delete(id);
    }
  }

  async #take(id: string, pending: Pending): Promise<void> {
    const queued = await this.parts.queue.getJob(id);
    // Redis lost it, or somebody took it out: it is queued again, and nothing is lost but time.
    if (!queued) return this.#add(id, pending.job);
    const state = await queued.getState();
    if (state !== 'completed' && state !== 'failed') return;
    const ended = state === 'completed' ? decodeOutcome(queued.returnvalue) : lost('of the queue', queued.failedReason);
    // A sweep before this one told it to stop, and did not wait for it.
    if (ended.state === 'INTERRUPTED' && !pending.stopping) {
      await queued.remove().catch(() => undefined);
      const { job } = pending;
      return this.#add(id, ended.run === undefined || job.shard ? job : { ...job, resume: ended.run });
    }
    const outcome = await this.#brought(ended, pending.artifacts);
    if (!outcome) return;
    await queued.remove().catch(() => undefined);
    const { run } = pending;
    pending.settle(run === undefined || outcome.run !== undefined ? outcome : { ...outcome, run });
  }

  async #lookAfter(): Promise<void> {
    for (const id of [...this.#pending.keys()].slice(0, LOOK_AT_ONCE)) {
      const state = await this.parts.queue.getJobState(id);
      if (state === 'completed' || state === 'failed' || state === 'unknown') await this.#collect(id);
    }
  }

  async #stop(id: string): Promise<void> {
    const pending = this.#pending.get(id);
    if (!pending) return;
    pending.stopping = true;
    const give = () => pending.settle(interrupted(pending.run));
    setTimeout(give, STOP_WITHIN_MS).unref();
    const isOut = async () => {
      const out = await takeOut(this.parts, id);
      if (out) give();
      return out;
    };
    // Its worker may be gone, and nothing may come of it; another one may take it over.
    for (; this.#pending.has(id) && !(await isOut()); await sleep(LOOK_AFTER_STOPPED_MS)) {
      await this.parts.redis.publish(stopChannel(this.options.queue), id);
      await this.#collect(id);
    }
  }
}
