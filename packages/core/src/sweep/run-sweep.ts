import type { SweepContext } from '../execution/record-sweep.js';
import type { Shield } from '../execution/shield.js';
import type { Reporter } from '../pipeline/reporter.js';
import { shardName, type Shard } from '../pipeline/shard.js';
import type { CellJob, CellOutcome, SweepEvent, SweepWork } from '../plugin/executor-contract.js';
import type { CellEvent } from '../tracking/events.js';
import { CellLoop, type LoopCell } from './cell-loop.js';
import { isSpread, shardCount } from '../execution/parallel.js';
import { Kept } from '../execution/kept/kept.js';
import { openExecutor, workersOf } from '../execution/spread-run.js';
import { carryOut } from './carry-out.js';
import type { SweepPlan } from './plan.js';
import { appendResult, readResults, resultsPath, type CellResult } from './results.js';

export interface SweepOptions {
  readonly commandLine: readonly string[];
  /** Cells that are run, beside those that never were: default all that are not done. */
  readonly only?: 'failed' | 'missing';
  /** Whether cells that are done are run again. */
  readonly rerun?: boolean;
  /** Records what becomes of the cells; default: in the sweep's journal. */
  readonly tell?: (event: CellEvent) => void;
  /** Hears the lines that are for people. */
  readonly reporter?: Pick<Reporter, 'log' | 'warn'>;
}

export interface SweepOutcome {
  /** By the cells' keys. */
  readonly results: ReadonlyMap<string, CellResult>;
}

/**
 * Has the executor that the spec names carry out the cells of a sweep, each as a run of its own; what they share comes
 * from artifacts. A cell that is done is not run again. One that was interrupted goes on with the next sweep.
 *
 * @param sweep the run that stands for the sweep; its signal ends cells that are at work as INTERRUPTED
 * @throws what no cell survives: an executor that cannot be used, a folder that cannot be written
 */
export async function runSweep(
  shield: Shield,
  plan: SweepPlan,
  sweep: SweepContext,
  options: SweepOptions,
): Promise<SweepOutcome> {
  const { only, rerun = false } = options;
  const path = resultsPath(sweep.run.path);
  const results = await readResults(path);
  const wanted = plan.cells.filter(({ key }) => isWanted(results.get(key), only, rerun));
  if (wanted.length === 0) {
    options.reporter?.log(`nothing is run: ${only === undefined ? 'all cells are done' : `no cell ${NONE[only]}`}`);
    return { results };
  }
  const { tell: record = (event) => sweep.tell(event), reporter } = options;
  const referred = new Set<string>();
  const tell = (event: SweepEvent) => {
    if (event.type === 'artifact' && !referred.has(event.artifact.path)) {
      referred.add(event.artifact.path);
      sweep.tell(event.artifact);
    }
    const recorded = cellEvent(event);
    if (recorded) record(recorded);
    const line = lineOf(event);
    if (line) reporter?.[line.level](line.text);
  };
  const work = sweepWork(shield, plan, sweep, options.commandLine);
  const kept = new Kept();
  const executor = await openExecutor(shield, plan.cells[0]!, {
    work,
    program: shield.program,
    carryOut: (job, signal) => carryOut(shield, work, job, signal, tell, { kept }),
    tell,
  });
  try {
    const workers = await workersOf(executor);
    const shards = ({ resolved }: LoopCell, batch?: number) =>
      isSpread(resolved) ? shardCount(resolved, workers, batch) : 1;
    const ended = async (cell: LoopCell, job: CellJob, outcome: CellOutcome) => {
      const result = resultOf(cell, job, outcome);
      results.set(cell.key, result);
      await appendResult(path, result);
    };
    await new CellLoop(executor, plan.settings, { tell, ended, signal: sweep.signal, shards }).run(wanted);
  } finally {
    await executor.close();
    kept.close();
  }
  return { results };
}

const NONE = { failed: 'failed', missing: 'is missing' };

function isWanted(before: CellResult | undefined, only: SweepOptions['only'], rerun: boolean): boolean {
  if (only === 'failed') return before !== undefined && before.state !== 'COMPLETED';
  if (only === 'missing') return before === undefined;
  return rerun || before?.state !== 'COMPLETED';
}

/** What all jobs of a sweep have in common. */
export function sweepWork(
  shield: Shield,
  { name, path, text, folder }: SweepPlan,
  { run, provenance }: Pick<SweepContext, 'run' | 'provenance'>,
  commandLine: readonly string[],
): SweepWork {
  const spec = { specPath: path, specText: text, specFolder: folder };
  return { id: run.id, name, ...spec, runsFolder: shield.runs, commandLine, provenance };
}

/** What people are told beside the events of the journal. */
function lineOf(event: SweepEvent): { readonly level: 'log' | 'warn'; readonly text: string } | undefined {
  if (event.type === 'retry') {
    const { attempt, outcome, seconds, note } = event;
    const why = `${outcome.error!.code}: ${outcome.error!.message}`;
    return { level: 'warn', text: `${named(event)}: ${why}; attempt ${attempt} in ${seconds} s, ${note}` };
  }
  if (event.type !== 'log' && event.type !== 'warn') return undefined;
  // What a cell merely logs stands in its own record.
  if (event.type === 'log' && event.cell !== undefined) return undefined;
  return { level: event.type, text: event.cell === undefined ? event.message : `${named(event)}: ${event.message}` };
}

function named({ cell, shard }: { readonly cell?: number; readonly shard?: Shard }): string {
  return shard ? `cell ${cell}, shard ${shardName(shard)}` : `cell ${cell}`;
}

/** As the sweep's journal has it; lines for people are not in it. */
function cellEvent(event: SweepEvent): CellEvent | undefined {
  switch (event.type) {
    case 'queued':
      return { ...partOf(event), phase: 'queued' };
    case 'started':
      return { ...partOf(event), phase: 'started', worker: event.worker };
    case 'progress': {
      const { stage, name, done, of: total } = event;
      return { ...partOf(event), phase: 'progress', stage, name, done, ...(total === undefined ? {} : { of: total }) };
    }
    case 'retry':
    case 'ended': {
      const { type: phase, outcome } = event;
      const { state, seconds, run, error } = outcome;
      return { ...partOf(event), phase, state, seconds, ...(run ? { run } : {}), ...(error ? { error } : {}) };
    }
    case 'run':
    case 'artifact':
    case 'log':
    case 'warn':
      return undefined;
  }
}

function partOf({ cell, shard }: { readonly cell: number; readonly shard?: Shard }) {
  return { type: 'cell', cell, ...(shard ? { shard: shardName(shard) } : {}) } as const;
}

function resultOf({ cell, key }: LoopCell, { attempt, batch }: CellJob, outcome: CellOutcome): CellResult {
  const { state, run, metrics, error, seconds } = outcome;
  return {
    cell,
    key,
    state: state === 'INTERRUPTED' ? 'FAILED' : state,
    ...(run === undefined ? {} : { run }),
    ...(metrics ? { metrics } : {}),
    ...(error ? { error: `${error.code}: ${error.message}` } : {}),
    seconds,
    attempts: attempt,
    ...(batch === undefined ? {} : { batch }),
  };
}
