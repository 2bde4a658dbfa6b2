import { availableParallelism } from 'node:os';
import { EXECUTOR } from '../spec/plugin-places.js';
import type { ResolvedSpec } from '../spec/resolved-spec.js';
import { imagesOf } from './planned-steps.js';

/**
 * Threads of every part of a run that is split into shards, where its spec leaves them open: the cores are divided among
 * the shards. So it is whoever carries the run out, and whether it is spread or not: threads are part of what names an
 * artifact. undefined for a run that is not split: then the program says.
 */
export function sharedThreads({ execution }: ResolvedSpec): number | undefined {
  const { threads, shards } = execution;
  if (threads > 0 || shards === 1) return undefined;
  return Math.max(1, Math.floor(availableParallelism() / (shards === 'auto' ? autoShards(execution) : shards)));
}

/** As many as the executor is told to have workers, else one a core. */
function autoShards({ workers }: ResolvedSpec['execution']): number {
  return typeof workers === 'number' && workers > 0 ? workers : availableParallelism();
}

/** Whether other processes are to compute the batches of a run: training goes step by step, and cannot be split. */
export function isSpread({ execution, perform }: ResolvedSpec): boolean {
  return execution.shards !== 1 && execution.use !== EXECUTOR && !perform.includes('train');
}

/**
 * Shards of a run: no more than it has batches, as far as the spec tells.
 *
 * @param workers that would carry out `shards: auto`
 */
export function shardCount(spec: ResolvedSpec, workers: number, batch = spec.batch): number {
  const { shards } = spec.execution;
  const batches = Math.ceil((imagesOf(spec) ?? Infinity) / batch);
  return Math.max(1, Math.min(shards === 'auto' ? workers : shards, batches));
}
