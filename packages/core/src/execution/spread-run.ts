import { ShieldError } from '../errors/index.js';
import type { Reporter } from '../pipeline/reporter.js';
import type { CellOutcome, Executor, ExecutorContext, SweepEvent, SweepWork } from '../plugin/executor-contract.js';
import type { LoadedSpec } from '../spec/load-spec.js';
import { carryOut } from '../sweep/carry-out.js';
import { cellKey } from '../sweep/cell-key.js';
import { CellLoop } from '../sweep/cell-loop.js';
import type { RunContext } from '../tracking/index.js';
import { readProvenance } from '../tracking/record-format.js';
import { shardCount, sharedThreads } from './parallel.js';
import { ShardStages } from './shard-stages.js';
import type { Shield } from './shield.js';

export interface Spreading {
  readonly context: RunContext;
  readonly loaded: LoadedSpec;
  /** Absolute, as the folder of the artifacts. */
  readonly specFolder: string;
  readonly artifacts: string;
  readonly reporter: Reporter;
}

/** What is tried again, and when, as for the cells of a sweep that says nothing of it. */
const AS_IN_SWEEPS = { on_failure: 'stop', retries: 2, backoff: 2 } as const;

/**
 * Has the batches of one run computed by the workers of its executor, in shards. The run itself finds them in the
 * artifacts afterwards.
 *
 * @throws what the executor throws; what a shard failed of, in the words of its worker
 */
export async function spreadRun(shield: Shield, spreading: Spreading): Promise<void> {
  const { context, loaded, specFolder, artifacts, reporter } = spreading;
  const spec = loaded.resolved;
  const work: SweepWork = {
    id: context.run.id,
    name: spec.name,
    specPath: loaded.path,
    specText: loaded.text,
    specFolder,
    runsFolder: shield.runs,
    artifacts,
    commandLine: [],
    provenance: { record: await readProvenance(context.run), files: {} },
  };
  const stages = new ShardStages(reporter);
  const tell = (event: SweepEvent) => {
    stages.tell(event);
    record(context, event);
  };
  const executor = await openExecutor(shield, loaded, {
    work,
    program: shield.program,
    carryOut: (job, signal) => carryOut(shield, work, job, signal, tell),
    tell,
  });
  let failure: CellOutcome | undefined;
  try {
    const of = shardCount(spec, await workersOf(executor));
    stages.begin(of);
    const loop = new CellLoop(executor, AS_IN_SWEEPS, {
      tell,
      ended: (_cell, _job, outcome) => {
        failure = outcome;
        return Promise.resolve();
      },
      signal: context.signal,
      shards: () => of,
      shardsOnly: true,
    });
    // The limit is the whole run's: it stops the shards with itself.
    const resolved = { ...spec, execution: { ...spec.execution, time_limit: 0 } };
    await loop.run([{ cell: 1, key: cellKey(loaded.hash, spec, shield.registry), resolved }]);
  } finally {
    stages.close();
    await executor.close();
  }
  context.signal.throwIfAborted();
  if (failure?.error) throw ShieldError.told(failure.error);
}

/** Opens the executor that a spec names, for its threads. */
export async function openExecutor(
  shield: Shield,
  { resolved }: Pick<LoadedSpec, 'resolved'>,
  context: ExecutorContext,
): Promise<Executor> {
  const { use, ...options } = resolved.execution;
  const threads = sharedThreads(resolved);
  const shared = threads === undefined ? options : { ...options, threads };
  return shield.registry.get('executor', use).open(shared, context);
}

/** How many shards are worked on at the same time. */
export async function workersOf(executor: Executor): Promise<number> {
  return Number.isFinite(executor.slots) ? executor.slots : Math.max(1, (await executor.workers?.()) ?? 1);
}

/** In the run's journal. */
function record(context: RunContext, event: SweepEvent): void {
  const emit = (...[entry]: Parameters<RunContext['emit']>) => void context.emit(entry).catch(() => undefined);
  if (event.type === 'artifact') return emit(event.artifact);
  if (!('shard' in event) || !event.shard) return;
  const of = { type: 'shard', shard: event.shard.index, shards: event.shard.of } as const;
  if (event.type === 'started') emit({ ...of, phase: 'started', worker: event.worker });
  else if (event.type === 'retry' || event.type === 'ended') {
    const { state, seconds, error } = event.outcome;
    emit({ ...of, phase: event.type, state, seconds, ...(error ? { error } : {}) });
  }
}
