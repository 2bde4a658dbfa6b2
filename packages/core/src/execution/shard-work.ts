import 'reflect-metadata';
import { join, resolve } from 'node:path';
import type { DependencyContainer } from 'tsyringe';
import type { Reporter } from '../pipeline/reporter.js';
import { computeStages } from '../pipeline/pipeline.js';
import { shardName, type Shard } from '../pipeline/shard.js';
import type { PluginRegistry } from '../plugin/registry.js';
import type { LoadedSpec } from '../spec/load-spec.js';
import { RunTimedOut } from '../tracking/endings.js';
import type { RunEvent } from '../tracking/events.js';
import { anySignal, limitTime } from '../tracking/time-limit.js';
import { checkDefenses } from './check-defenses.js';
import type { Kept } from './kept/kept.js';
import { Opener } from './opener.js';
import { TOKENS } from './tokens.js';

export interface ShardWork {
  readonly shard: Shard;
  readonly reporter: Reporter;
  /** Stops it at its next checkpoint; finished batches stand. */
  readonly signal: AbortSignal;
  /** Of the backend, where the spec leaves them open. */
  readonly threads?: number;
  /** Folder of the artifacts; default: that of all runs. */
  readonly artifacts?: string;
  /** Seconds; 0 for no limit. */
  readonly timeLimit: number;
  /** Hears what a run would put on record. */
  readonly emit: (event: RunEvent) => void;
  /** See `RunOptions`. */
  readonly kept?: Kept;
}

/**
 * Computes a part of the batches of a run, in all stages that its spec performs. It is no run: whoever collects the parts
 * puts on record what was used.
 *
 * @throws RunTimedOut; what the stages throw
 */
export async function computeShard(
  parts: DependencyContainer,
  loaded: LoadedSpec,
  specFolder: string,
  { shard, signal, threads, artifacts, timeLimit, emit }: ShardWork,
): Promise<void> {
  const opener = parts.resolve(Opener);
  const registry = parts.resolve<PluginRegistry>(TOKENS.registry);
  const late = new AbortController();
  const unlimited = timeLimit > 0 ? limitTime(late, 1000 * timeLimit, () => timedOut(shard, timeLimit)) : undefined;
  const opening = {
    loaded,
    specFolder: resolve(specFolder),
    artifacts: artifacts ?? join(parts.resolve<string>(TOKENS.runsFolder), 'artifacts'),
    shard,
    ...(threads === undefined ? {} : { threads }),
    signal: anySignal(signal, late.signal),
    emit: (event: RunEvent) => Promise.resolve(emit(event)),
  };
  try {
    await opener.using(opening, async (opened) => {
      checkDefenses(loaded, registry, opened.network.model);
      await opener.pipelined(opening, opened, computeStages);
    });
  } catch (error) {
    throw late.signal.aborted && !signal.aborted ? late.signal.reason : error;
  } finally {
    unlimited?.();
  }
}

function timedOut(shard: Shard, seconds: number): RunTimedOut {
  const message = `shard ${shardName(shard)} was stopped after ${seconds} s, its limit; its finished batches stand`;
  return Object.assign(new RunTimedOut({ id: '' }, seconds), { message });
}
