import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ShieldError, ShieldErrors, outOfMemory, reasonOf } from '../errors/index.js';
import type { Kept } from '../execution/kept/kept.js';
import type { RunOptions, RunResult, Shield } from '../execution/shield.js';
import type { Reporter } from '../pipeline/reporter.js';
import type { Shard } from '../pipeline/shard.js';
import type { CellJob, CellOutcome, CellReport, SweepWork } from '../plugin/executor-contract.js';
import { RunInterrupted, RunTimedOut } from '../tracking/endings.js';
import type { CollectedProvenance } from '../tracking/provenance.js';
import { findRun } from '../tracking/find-run.js';
import { runState } from '../tracking/runs-folder.js';
import { publishRun } from '../tracking/shared-runs.js';
import { cellKey } from './cell-key.js';

/** Two reports of one stage's progress are at least so far apart. */
const REPORT_EVERY_MS = 100;

const UNRESUMABLE: ReadonlySet<string> = new Set(['RUN_LOCKED', 'RUN_NOT_FOUND', 'RUN_NOT_RESUMABLE']);

export interface CarryOutOptions {
  /** Whether the cell is all that the process does, see `RunOptions`; default true. */
  readonly ownsProcess?: boolean;
  /** What the cells of this process have in common. */
  readonly kept?: Kept;
}

/**
 * Carries out one attempt at a cell in this process, as a run of its own, or at a shard of one. Never rejects: how it
 * ended is what it resolves to. Where machines share a store, the run's directory is put there at its end.
 *
 */
export async function carryOut(
  given: Shield | Promise<Shield>,
  work: SweepWork,
  job: CellJob,
  signal: AbortSignal,
  tell: (report: CellReport) => void,
  options: CarryOutOptions = {},
): Promise<CellOutcome> {
  let shield: Shield;
  try {
    shield = await given;
  } catch (error) {
    return { state: 'FAILED', error: told(error), seconds: 0 };
  }
  const outcome = await attempt(shield, work, job, signal, tell, options);
  const { store, runs } = shield;
  if (!store || outcome.run === undefined || outcome.state === 'INTERRUPTED') return outcome;
  const path = join(runs, outcome.run);
  // Another machine's, which could not be gone on with here.
  if (!existsSync(path)) return outcome;
  try {
    await publishRun(store, path);
    return outcome;
  } catch (error) {
    // What it found is not lost: another attempt has only to send it.
    return { state: 'FAILED', run: outcome.run, error: told(error), seconds: outcome.seconds };
  }
}

async function attempt(
  shield: Shield,
  work: SweepWork,
  job: CellJob,
  signal: AbortSignal,
  tell: (report: CellReport) => void,
  { ownsProcess = true, kept }: CarryOutOptions,
): Promise<CellOutcome> {
  const began = performance.now();
  let run: string | undefined = job.resume;
  const ended = (rest: Pick<CellOutcome, 'state' | 'metrics' | 'error'>): CellOutcome => ({
    ...rest,
    ...(run === undefined ? {} : { run }),
    seconds: (performance.now() - began) / 1000,
  });
  try {
    const given = { signal, reporter: reporterOf(job, tell), ...(kept ? { kept } : {}) };
    if (job.shard) {
      await runShard(shield, work, { ...job, shard: job.shard }, given, tell);
      return ended({ state: 'COMPLETED' });
    }
    const { metrics } = await runJob(shield, work, job, { ...given, ownsProcess }, (id) => {
      run = id;
      tell({ type: 'run', cell: job.cell, run: id });
    });
    return ended({ state: 'COMPLETED', metrics });
  } catch (error) {
    if (error instanceof RunTimedOut)
      return ended({ state: 'TIMEOUT', error: { code: 'TIMEOUT', message: error.message } });
    if (error instanceof RunInterrupted || signal.aborted)
      return ended({ state: 'INTERRUPTED', error: { code: 'INTERRUPTED', message: reasonOf(error) } });
    return ended({ state: 'FAILED', error: told(error) });
  }
}

type Given = Required<Pick<RunOptions, 'signal' | 'reporter'>> & Pick<RunOptions, 'kept'>;

async function runJob(
  shield: Shield,
  work: SweepWork,
  job: CellJob,
  given: Given & { readonly ownsProcess: boolean },
  created: (run: string) => void,
): Promise<Pick<RunResult, 'metrics'>> {
  given.signal.throwIfAborted();
  const { threads } = job;
  const options = { ...given, commandLine: work.commandLine, created, ...(threads === undefined ? {} : { threads }) };
  if (job.resume !== undefined) {
    const finished = await finishedRun(shield, job.resume);
    if (finished) return finished;
    try {
      return await shield.resume(job.resume, options);
    } catch (error) {
      // A worker that was taken for dead may hold its run still: then the cell has another.
      if (!(error instanceof ShieldError && UNRESUMABLE.has(error.code))) throw error;
    }
  }
  const overrides = job.batch === undefined ? [] : [`batch=${job.batch}`];
  const loaded = await shield.load(job.spec, overrides, work.specFolder);
  if (job.batch === undefined) refuseOtherCode(shield, job, loaded.hash, loaded.resolved);
  return shield.runLoaded({ ...loaded, path: work.specPath, text: work.specText }, work.specFolder, {
    ...options,
    provenance: work.provenance as CollectedProvenance,
    cellOf: { sweep: work.id, cell: job.cell },
  });
}

/** A part of a cell's batches, for the cell itself to find: no run of its own, and nothing but artifacts is left. */
async function runShard(
  shield: Shield,
  work: SweepWork,
  job: CellJob & { readonly shard: Shard },
  given: Given,
  tell: (report: CellReport) => void,
): Promise<void> {
  const { cell, shard, batch, threads } = job;
  given.signal.throwIfAborted();
  const loaded = await shield.load(job.spec, batch === undefined ? [] : [`batch=${batch}`], work.specFolder);
  if (batch === undefined) refuseOtherCode(shield, job, loaded.hash, loaded.resolved);
  const told = new Set<string>();
  await shield.computeShard({ ...loaded, path: work.specPath }, work.specFolder, {
    ...given,
    shard,
    ...(threads === undefined ? {} : { threads }),
    ...(work.artifacts === undefined ? {} : { artifacts: work.artifacts }),
    timeLimit: job.timeLimit,
    emit: (event) => {
      if (event.type !== 'artifact' || told.has(event.path)) return;
      told.add(event.path);
      const { kind, key, path } = event;
      tell({ type: 'artifact', cell, artifact: { type: 'artifact', kind, key, path } });
    },
  });
}

/** What a run found whose worker was lost before it could tell. */
async function finishedRun(shield: Shield, id: string): Promise<Pick<RunResult, 'metrics'> | undefined> {
  try {
    const run = await findRun(shield.runs, id);
    if ((await runState(run.path)) !== 'COMPLETED') return undefined;
    return { metrics: JSON.parse(await readFile(run.files.metrics, 'utf8')) as Record<string, number> };
  } catch {
    return undefined;
  }
}

/** What would be computed here is named by other code than the sweep was planned with. */
function refuseOtherCode(shield: Shield, job: CellJob, hash: string, resolved: Parameters<typeof cellKey>[1]): void {
  const key = cellKey(hash, resolved, shield.registry);
  if (key !== job.key) throw new ShieldError('WORKER_DIFFERS', { cell: job.cell, expected: job.key, found: key });
}

function told(error: unknown): NonNullable<CellOutcome['error']> {
  const first = error instanceof ShieldErrors ? error.errors[0]! : error;
  const known = first instanceof ShieldError ? first : outOfMemory(error);
  const { code, message, fix } =
    known ?? new ShieldError('INTERNAL', { reason: reasonOf(error), log: 'console.log of the run' });
  return { code, message, fix };
}

/** What a run would show on a terminal, as reports. */
function reporterOf(job: CellJob, tell: (report: CellReport) => void): Reporter {
  const of = { cell: job.cell, ...(job.shard ? { shard: job.shard } : {}) };
  return {
    log: (message) => tell({ type: 'log', ...of, message }),
    warn: (message) => tell({ type: 'warn', ...of, message }),
    stage: ({ stage, name, total }) => {
      let last = 0;
      let done = 0;
      const report = (note: string | undefined, ended: boolean) =>
        tell({
          type: 'progress',
          ...of,
          stage,
          name,
          done,
          ...(total === undefined ? {} : { of: total }),
          ...(note === undefined ? {} : { note }),
          ...(ended ? { ended } : {}),
        });
      report(undefined, false);
      return {
        update: (finished, note) => {
          done = finished;
          if (performance.now() - last < REPORT_EVERY_MS) return;
          last = performance.now();
          report(note, false);
        },
        end: (note) => {
          done = total ?? done;
          report(note, true);
        },
      };
    },
  };
}
