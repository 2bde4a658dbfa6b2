import type { DependencyContainer } from 'tsyringe';
import { ShieldError } from '../errors/index.js';
import type { PluginRegistry } from '../plugin/registry.js';
import type { Reporter } from '../pipeline/reporter.js';
import type { SweepPlan } from '../sweep/plan.js';
import { bestCell, measure, readResults, resultsPath, type CellResult } from '../sweep/results.js';
import { leaveTables } from '../sweep/leave-tables.js';
import { openSweep, type SweepAsked } from '../sweep/sweep-record.js';
import { provenanceOfCells, withRun, writeMetrics, type RunContext, type Tracker } from '../tracking/index.js';
import type { ArtifactEvent, CellEvent } from '../tracking/events.js';
import type { CollectedProvenance } from '../tracking/provenance.js';
import type { Run } from '../tracking/runs-folder.js';
import type { TrackerFactory } from './shield.js';
import { TOKENS } from './tokens.js';
import { tellSuperseded, trackersOf } from './trackers.js';

/** What carries out the cells of a sweep is given. */
export interface SweepContext {
  /** The sweep's own run: its cells name it as `cellOf`, and their results go to its directory. */
  readonly run: Run;
  /** For the cells. */
  readonly provenance: CollectedProvenance;
  /** Aborted when the sweep is to stop. */
  readonly signal: AbortSignal;
  /** Records what becomes of a cell, and what its shards refer to. */
  tell(event: CellEvent | ArtifactEvent): void;
}

export interface RecordedSweep {
  readonly run: Run;
  /** By the cells' keys. */
  readonly results: ReadonlyMap<string, CellResult>;
  /** SWEEP_FAILED, where cells failed. */
  readonly failure: ShieldError | undefined;
}

/** Two reports of one worker's progress are at least so far apart in the journal. */
const PROGRESS_EVERY_MS = 1000;

/**
 * Has the cells of a sweep carried out within a run that stands for the sweep: with a journal, provenance captured
 * once, a state (FAILED where a cell failed), tables and pictures, and trackers.
 *
 * @param again the command that runs just the cells that failed
 * @param begun ends it before the run is there
 * @throws what the work throws; RunInterrupted; the reason of `begun`
 */
export async function recordSweep(
  parts: DependencyContainer,
  plan: SweepPlan,
  asked: SweepAsked,
  again: string,
  work: (context: SweepContext) => Promise<unknown>,
  begun?: AbortSignal,
): Promise<RecordedSweep> {
  const reporter = parts.resolve<Reporter>(TOKENS.reporter);
  const registry = parts.resolve<PluginRegistry>(TOKENS.registry);
  const trackers = parts.resolve<readonly (Tracker | TrackerFactory)[]>(TOKENS.trackers);
  const runs = parts.resolve<string>(TOKENS.runsFolder);
  const { run, provenance } = await openSweep(runs, plan, asked, begun);
  const { tracking } = plan.cells[0]!.resolved;
  let left: Omit<RecordedSweep, 'run'> | undefined;
  try {
    await withRun(
      run,
      async (context) => {
        const { signal } = context;
        const cells = provenanceOfCells(provenance, run.id);
        try {
          await work({ run, provenance: cells, signal, tell: teller(context) });
        } finally {
          left = await leave(context, plan, again);
        }
        signal.throwIfAborted();
        if (left.failure) throw left.failure;
      },
      {
        trackers: await trackersOf(run, tracking, { registry, reporter, trackers }),
        captureConsole: false,
        warn: (message) => reporter.warn(message),
      },
    );
  } catch (error) {
    if (!left || error !== left.failure) throw error;
  }
  await tellSuperseded(runs, run.id, tracking, reporter);
  return { run, ...left! };
}

/** Writes events of cells to the journal; progress seldom enough. What cannot be written the next event that counts tells. */
function teller(context: RunContext): SweepContext['tell'] {
  const last = new Map<string, number>();
  return (event) => {
    if (event.type === 'cell' && event.phase === 'progress') {
      const worker = event.worker ?? `${event.cell} ${event.shard ?? ''}`;
      const now = performance.now();
      if (now - (last.get(worker) ?? -Infinity) < PROGRESS_EVERY_MS) return;
      last.set(worker, now);
    }
    context.emit(event).catch(() => undefined);
  };
}

/** Tables, pictures and figures, of all that is done by now. */
async function leave(context: RunContext, plan: SweepPlan, again: string): Promise<Omit<RecordedSweep, 'run'>> {
  const { run } = context;
  const results = await readResults(resultsPath(run.path));
  await leaveTables(run.path, plan, results);
  const states = plan.cells.map(({ key }) => results.get(key)?.state);
  const completed = states.filter((state) => state === 'COMPLETED').length;
  const failed = states.filter((state) => state !== undefined && state !== 'COMPLETED').length;
  const best = bestCell(plan, results);
  const { metric } = plan.settings;
  const metrics: Record<string, number> = {
    cells: plan.cells.length,
    'cells/completed': completed,
    'cells/failed': failed,
    ...(best ? { best: best.value, best_cell: best.cell.cell } : {}),
  };
  const told = Object.entries(metrics).map(([key, value]) => context.emit({ type: 'metric', key, value }));
  for (const { cell, key } of metric === undefined ? [] : plan.cells) {
    const value = measure(results.get(key)?.metrics ?? {}, metric!);
    if (value === undefined) continue;
    metrics[`cell/${cell}`] = value;
    told.push(context.emit({ type: 'metric', key: 'cell', value, step: cell }));
  }
  if (best) told.push(context.emit({ type: 'param', key: 'best', value: best.cell.overrides.join(' ') }));
  // At once: they share a flush of the journal.
  await Promise.all(told);
  await writeMetrics(run, metrics);
  const missing = plan.cells.length - completed - failed;
  const left = missing > 0 ? `, ${missing} did not run (the sweep without --only runs them too)` : '';
  const params = { count: failed, cells: plan.cells.length, left, command: again };
  return { results, failure: failed > 0 ? new ShieldError('SWEEP_FAILED', params) : undefined };
}
