import { fork, type ChildProcess } from 'node:child_process';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ShieldError, type ErrorCodeName, type ErrorParams, type WrittenRecords } from '@shield/core';
import type { WorkerMessage } from './shard-worker.js';
import type { ShardJob } from './write-shard.js';

const WORKER = fileURLToPath(new URL('./shard-worker.js', import.meta.url));

/** Threads of each worker beside JavaScript's own: while one decodes, another reads or writes. */
const THREADS = 2;

export interface PoolEvents {
  /** So many more images are written. */
  images(count: number): void;
  /** A shard is whole and in its place. */
  done(shard: number, written: WrittenRecords): Promise<void>;
}

/**
 * Makes shards in processes of their own, as many at a time as there are workers, so that JavaScript, too, runs on all
 * cores, and a file that kills the decoder kills no more than a worker.
 *
 * @param jobOf a shard's job, asked for when its turn comes: there are never more at a time than workers
 * @throws what a worker met; PROVISION_FAILED where one died. The shards that were done stand, the others are left.
 */
export async function makeShards(
  shards: readonly number[],
  jobOf: (shard: number) => ShardJob,
  workers: number,
  events: PoolEvents,
  signal: AbortSignal,
): Promise<void> {
  const queue = shards.values();
  const children: ChildProcess[] = [];
  const stop = () => {
    for (const child of children) if (!ended(child)) child.kill('SIGKILL');
  };
  signal.throwIfAborted();
  signal.addEventListener('abort', stop, { once: true });
  const one = async () => {
    let child: ChildProcess | undefined;
    for (;;) {
      signal.throwIfAborted();
      const { value: shard, done } = queue.next();
      if (done) return;
      if (!child) children.push((child = start()));
      await events.done(shard, await makeShard(child, jobOf(shard), events, signal));
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.min(workers, shards.length) }, one));
  } finally {
    signal.removeEventListener('abort', stop);
    stop();
  }
}

function start(): ChildProcess {
  const env = { ...process.env, UV_THREADPOOL_SIZE: String(THREADS), VIPS_CONCURRENCY: '1' };
  return fork(WORKER, [], { env, execArgv: [], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
}

function makeShard(
  child: ChildProcess,
  job: ShardJob,
  events: PoolEvents,
  signal: AbortSignal,
): Promise<WrittenRecords> {
  return new Promise((resolve, reject) => {
    const settle = (finish: () => void) => {
      child.off('message', hear).off('exit', gone).off('error', broken);
      finish();
    };
    const fail = (reason: string, code?: string, params?: object) =>
      settle(() => reject(problem(job, reason, code, params)));
    const hear = (message: WorkerMessage) => {
      if ('images' in message) events.images(message.images);
      else if ('done' in message) settle(() => resolve(message.done));
      else fail(message.failed.reason, message.failed.code, message.failed.params);
    };
    const gone = (code: number | null, killed: NodeJS.Signals | null) => {
      if (signal.aborted) settle(() => reject(signal.reason as Error));
      else fail(`its process was ${killed ? `killed by ${killed}` : `left with code ${code}`}`);
    };
    // A message to a process that has just died fails before its end is told.
    const broken = (error: Error) => {
      if (ended(child)) gone(child.exitCode, child.signalCode);
      else if (child.connected || child.pid === undefined) fail(error.message);
    };
    child.on('message', hear).on('exit', gone).on('error', broken);
    if (ended(child)) gone(child.exitCode, child.signalCode);
    else child.send(job);
  });
}

function ended({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

function problem(job: ShardJob, reason: string, code?: string, params?: object): ShieldError {
  if (code !== undefined) return new ShieldError(code as ErrorCodeName, params as ErrorParams);
  return new ShieldError('PROVISION_FAILED', { shard: basename(job.path), reason });
}
