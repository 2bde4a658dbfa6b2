import { sharedThreads } from '../execution/parallel.js';
import type { CellJob } from '../plugin/executor-contract.js';
import { EXECUTOR } from '../spec/plugin-places.js';
import type { SweepCell } from './plan.js';

/** The first attempt at a cell. Who carries the cells out is the sweep's business, and no part of their specs. */
export function jobOf({ cell, key, resolved }: Pick<SweepCell, 'cell' | 'key' | 'resolved'>): CellJob {
  const { threads: own, time_limit, strip } = resolved.execution;
  const execution = { use: EXECUTOR, shards: 1, threads: own, time_limit, strip };
  const spec = JSON.stringify({ ...resolved, execution });
  const threads = sharedThreads(resolved);
  const job = { cell, key, spec, attempt: 1, ...(threads === undefined ? {} : { threads }), timeLimit: time_limit };
  return named(job);
}

/** The parts of a cell's job, which come before it. */
export function shardsOf({ resume: _resume, ...job }: CellJob, of: number): CellJob[] {
  return Array.from({ length: of }, (_, i) => named({ ...job, shard: { index: i + 1, of } }));
}

/** A job by the name of what it is an attempt at. */
export function named(job: Omit<CellJob, 'id'>): CellJob {
  const { key, shard, batch, attempt } = job;
  const part = shard ? `-s${shard.index}of${shard.of}` : '';
  return { ...job, id: `${key}${part}${batch === undefined ? '' : `-b${batch}`}-${attempt}` };
}
