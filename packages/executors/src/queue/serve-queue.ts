import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { DelayedError, Worker, type Job } from 'bullmq';
import type { Redis } from 'ioredis';
import {
  ShieldError,
  type CellJob,
  type CellOutcome,
  type CellReport,
  type CellWorker,
  type ServeContext,
  type SweepWork,
  type WorkStore,
} from '@shield/core';
import { PREFIX, checkRedis, connect, redisAddress, stopChannel, workKey, type QueueOptions } from './redis.js';
import { Reports } from './reports.js';
import { encodeOutcome, type QueuedCell } from './wire.js';

/** A cell that a worker gives back is taken by another one after this. */
const GIVE_BACK_MS = 200;
/** A worker that is to end parts from its queue, unless Redis is not there for so long. */
const AWAY_MS = 3000;
/** Times that a cell may be taken over from workers that were lost, before it counts as failed. */
const TAKEN_OVER = 3;

/**
 * Carries out cells of a queue until it is told to stop: cells at work then go back to the queue, for other workers.
 *
 * @throws EXECUTOR_UNREACHABLE, EXECUTOR_REFUSED; WORKER_DIFFERS where a sweep was planned with other code
 */
export async function serveQueue(options: QueueOptions, context: ServeContext): Promise<void> {
  const address = redisAddress(options);
  await checkRedis(address);
  const { say, signal, slots } = context;
  const hear = {
    lost: (reason: string) => say(`Redis (${address.name}) is away: ${reason}; waiting for it`),
    back: () => say(`Redis (${address.name}) is back`),
  };
  const redis = connect(address, hear);
  const subscriber = connect(address, { lost: () => undefined, back: () => undefined });
  const cells = new Cells(options, context, {
    get: (id) => redis.get(workKey(options.queue, id)),
    isThere: async (id) => (await redis.exists(workKey(options.queue, id))) === 1,
  });
  await subscriber.subscribe(stopChannel(options.queue));
  subscriber.on('message', (_channel, id) => cells.stop(id, 'the sweep'));
  let left = false;
  const worker = new Worker<QueuedCell>(options.queue, (job, token) => cells.carryOut(job, token), {
    connection: { ...address.options, retryStrategy: (tries) => (left ? null : address.options.retryStrategy(tries)) },
    prefix: PREFIX,
    concurrency: slots,
    lockDuration: 1000 * options.lock,
    stalledInterval: 500 * options.lock,
    maxStalledCount: TAKEN_OVER,
  });
  worker.on('error', () => undefined);
  // The cell is another worker's by now: what goes on here would be done twice.
  worker.on('lockRenewalFailed', (ids) => ids.forEach((id) => cells.stop(id, 'its lock')));
  try {
    await worker.waitUntilReady();
    const many = slots === 1 ? 'one cell at a time' : `${slots} cells at a time`;
    say(`takes ${many} from the queue "${options.queue}" of ${address.name}; Ctrl-C stops it`);
    const told = new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    const differs = await Promise.race([told, cells.differs]);
    cells.stopAll();
    const parted = new AbortController();
    const closed = worker.close().finally(() => parted.abort());
    if (await Promise.race([closed.then(() => false), staysAway(redis, parted.signal)])) {
      say(`Redis (${address.name}) is away: what this worker had goes to others after ${options.lock} s`);
      // Its connections are tried no more, which lets the process end.
      left = true;
      closed.catch(() => undefined);
      await cells.atRest();
    }
    if (differs) throw differs;
  } finally {
    await cells.end();
    redis.disconnect();
    subscriber.disconnect();
  }
}

/** Resolves with true once Redis has not been there for a while. */
async function staysAway(redis: Pick<Redis, 'status'>, parted: AbortSignal): Promise<boolean> {
  for (let since = performance.now(); performance.now() - since < AWAY_MS;) {
    if (redis.status === 'ready') since = performance.now();
    await sleep(100, undefined, { signal: parted }).catch(() => undefined);
    if (parted.aborted) return false;
  }
  return true;
}

/** A process, and whom it tells of the job that it carries out. */
interface Place {
  readonly work: string;
  readonly worker: CellWorker;
  tell: (report: CellReport) => void;
}

/** What the jobs of sweeps have in common, as Redis holds it for as long as they go on. */
interface Works {
  get(id: string): Promise<string | null>;
  isThere(id: string): Promise<boolean>;
}

type Stopper = 'the sweep' | 'its lock' | 'the worker';

class Cells {
  /** Resolves with the error where this worker's code is not that of a sweep. */
  readonly differs: Promise<ShieldError>;
  readonly #works = new Map<string, SweepWork>();
  readonly #idle: Place[] = [];
  readonly #running = new Map<string, { readonly controller: AbortController; by?: Stopper }>();
  readonly #executing = new Set<Promise<unknown>>();
  #refuse: (error: ShieldError) => void = () => undefined;
  #refused = false;
  readonly #place = `${hostname()}/${process.pid}`;
  #count = 0;

  constructor(
    private readonly options: QueueOptions,
    private readonly context: ServeContext,
    private readonly works: Works,
  ) {
    this.differs = new Promise((resolve) => (this.#refuse = resolve));
  }

  async carryOut(job: Job<QueuedCell>, token: string | undefined): Promise<unknown> {
    // One that was handed over before the worker had ended: another worker's code may be the right one.
    if (this.#refused) return this.#giveBack(job, token);
    const id = job.id!;
    const entry: { readonly controller: AbortController; by?: Stopper } = { controller: new AbortController() };
    this.#running.set(id, entry);
    try {
      const work = await this.#work(job.data.work);
      if (!work) {
        // Nobody waits for it, or asks what became of it.
        job.opts.removeOnFail = true;
        throw new Error('the sweep is over');
      }
      const outcome =
        work.store || existsSync(work.runsFolder)
          ? await this.#execute(work, job, entry.controller.signal)
          : noFolder(work.runsFolder);
      this.context.say(
        `${named(job.data.job)} of ${work.name}: ${outcome.state}${outcome.error ? ` (${outcome.error.message})` : ''}`,
      );
      if (outcome.error?.code === 'WORKER_DIFFERS') {
        this.#refused = true;
        this.#refuse(differs(outcome));
      }
      if (outcome.state === 'INTERRUPTED' && entry.by !== 'the sweep') {
        // It goes back to the queue, and on from where its run was left.
        if (entry.by === 'the worker') await this.#giveBack(job, token);
        throw new DelayedError();
      }
      return encodeOutcome(outcome);
    } finally {
      // Its sweep may have gone on meanwhile, and the job be there anew.
      if (this.#running.get(id) === entry) this.#running.delete(id);
    }
  }

  async #giveBack(job: Job<QueuedCell>, token: string | undefined): Promise<never> {
    await job.moveToDelayed(Date.now() + GIVE_BACK_MS, token);
    throw new DelayedError();
  }

  stop(id: string, by: Stopper): void {
    const entry = this.#running.get(id);
    if (!entry || entry.controller.signal.aborted) return;
    entry.by = by;
    entry.controller.abort();
  }

  stopAll(): void {
    for (const id of this.#running.keys()) this.stop(id, 'the worker');
  }

  /** When no cell is at work any more. */
  async atRest(): Promise<void> {
    await Promise.allSettled(this.#executing);
  }

  async end(): Promise<void> {
    await Promise.all(this.#idle.map(({ worker }) => worker.end()));
  }

  async #execute(work: SweepWork, job: Job<QueuedCell>, signal: AbortSignal): Promise<CellOutcome> {
    const reports = new Reports(job);
    const place = await this.#worker(job.data.work, work);
    place.tell = (report) => reports.tell(report);
    const execution = place.worker.execute(job.data.job, signal);
    this.#executing.add(execution);
    try {
      return await execution;
    } finally {
      this.#executing.delete(execution);
      if (place.worker.usable || !signal.aborted) this.#idle.push(place);
      else await place.worker.end();
      await reports.sent();
    }
  }

  /** A process that serves this work; those of other works are ended. */
  async #worker(id: string, work: SweepWork): Promise<Place> {
    for (let place = this.#idle.pop(); place; place = this.#idle.pop()) {
      if (place.work === id && place.worker.usable) return place;
      await place.worker.end();
    }
    const name = `${this.#place}${this.context.slots === 1 ? '' : `.${(this.#count++ % this.context.slots) + 1}`}`;
    let place: Place | undefined;
    const worker = this.context.startWorker(work, name, (report) => place?.tell(report));
    return (place = { work: id, worker, tell: () => undefined });
  }

  /** This machine may reach Redis and the store by other addresses than the sweep's does. */
  #asSeenHere({ executor, options }: WorkStore): WorkStore {
    const typed = Object.entries(this.options).filter(([, value]) => value !== '');
    return { executor, options: { ...options, ...Object.fromEntries(typed) } };
  }

  /** @returns undefined where the sweep is over */
  async #work(id: string): Promise<SweepWork | undefined> {
    const known = this.#works.get(id);
    if (known) return (await this.works.isThere(id)) ? known : undefined;
    const text = await this.works.get(id);
    if (text === null) return undefined;
    const given = JSON.parse(text) as SweepWork;
    const { runsFolder, ownRunsFolder } = this.context;
    // Without a common folder, or where it lies elsewhere here, the artifacts are in this machine's own, too.
    const { artifacts, ...rest } = given;
    const elsewhere = given.store !== undefined || runsFolder !== undefined;
    const work = {
      ...rest,
      runsFolder: runsFolder ?? (given.store ? ownRunsFolder : given.runsFolder),
      ...(artifacts === undefined || elsewhere ? {} : { artifacts }),
      ...(given.store ? { store: this.#asSeenHere(given.store) } : {}),
    };
    this.#works.set(id, work);
    return work;
  }
}

function differs({ error }: CellOutcome): ShieldError {
  const found = /\((\w+)\).*\((\w+)\)/.exec(error!.message);
  const cell = /cell (\d+)/.exec(error!.message)?.[1] ?? '?';
  return new ShieldError('WORKER_DIFFERS', { cell, found: found?.[1] ?? '?', expected: found?.[2] ?? '?' });
}

function named({ cell, shard }: CellJob): string {
  return shard ? `cell ${cell}, shard ${shard.index}/${shard.of},` : `cell ${cell}`;
}

function noFolder(path: string): CellOutcome {
  const { code, message, fix } = new ShieldError('EXECUTOR_UNUSABLE', {
    name: 'bullmq',
    reason: `the folder of runs ${path} is not on ${hostname()}`,
    expected: 'mount it there, or start the worker with --runs FOLDER where it lies elsewhere',
  });
  return { state: 'FAILED', error: { code, message, fix }, seconds: 0 };
}
