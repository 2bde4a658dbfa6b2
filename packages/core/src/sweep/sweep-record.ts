import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ShieldError } from '../errors/index.js';
import { collectProvenance, type CollectedProvenance } from '../tracking/provenance.js';
import { checkFormat } from '../tracking/record-format.js';
import { createRun } from '../tracking/run-directory.js';
import { listRuns, type Run } from '../tracking/runs-folder.js';
import { LongWork } from './long-work.js';
import type { SweepPlan } from './plan.js';
import type { SweepSettings } from './settings.js';
import { commonOf, recordText, resolvedText } from './sweep-files.js';

/** sweep.json in the directory of a sweep's run: what was asked, and the cells that it came to. */
export interface SweepRecord {
  readonly format: 1;
  /** Absolute path of the spec, and what was typed after it. */
  readonly spec: string;
  readonly overrides: readonly string[];
  readonly multirun: boolean;
  /** `--executor`, where it was typed. */
  readonly executor?: string;
  /** The swept keys. */
  readonly keys: readonly string[];
  readonly metric?: string;
  readonly goal: 'max' | 'min';
  readonly cells: readonly {
    readonly cell: number;
    readonly key: string;
    readonly params: Readonly<Record<string, unknown>>;
    /** What its resolved spec has beside `common`. */
    readonly own?: unknown;
  }[];
  /** What the resolved specs of all cells have in common. Records of older versions lack it, and what follows. */
  readonly common?: unknown;
  readonly settings?: SweepSettings;
  readonly seed?: number;
}

export type SweepAsked = Pick<SweepRecord, 'spec' | 'overrides' | 'multirun' | 'executor'> & {
  readonly commandLine: readonly string[];
};

/** The run of a sweep, and what is recorded of code, software and machine: for all its cells. */
export interface OpenedSweep {
  readonly run: Run;
  readonly provenance: CollectedProvenance;
}

const FILE = 'sweep.json';

/** The newest sweep in the folder with the very cells of this plan. */
export async function findSweep(runsFolder: string, plan: SweepPlan): Promise<Run | undefined> {
  const runs = await listRuns(runsFolder);
  return runs.filter(({ kind, hash }) => kind === 'sweep' && hash === plan.hash).at(-1);
}

/**
 * The run of the sweep, made where there is none of the same cells yet: one that was stopped goes on.
 *
 * @param signal ends it, and leaves no trace of a run that was being made
 * @throws WRITE_FAILED, DISK_FULL; the reason of `signal`
 */
export async function openSweep(
  runsFolder: string,
  plan: SweepPlan,
  asked: SweepAsked,
  signal?: AbortSignal,
): Promise<OpenedSweep> {
  const { seed, folder } = plan;
  const { commandLine } = asked;
  const [found, provenance] = await Promise.all([
    findSweep(runsFolder, plan),
    collectProvenance({ seed, commandLine, specDir: folder, usedFiles: plan.files }),
  ]);
  if (found) return { run: found, provenance };
  const common = await commonOf(plan.cells, new LongWork(signal ? { signal } : {}));
  const head = headOf(plan, asked, common);
  const run = await createRun(runsFolder, {
    name: plan.name,
    specText: plan.text,
    resolvedText: () => resolvedText(plan, common),
    hash: plan.hash,
    provenance,
    commandLine,
    kind: 'sweep',
    cells: plan.cells.length,
    files: { [FILE]: () => recordText(head, plan.cells, common) },
    ...(signal ? { signal } : {}),
  });
  return { run, provenance };
}

/** @throws RUN_NOT_RESUMABLE for a run that is no sweep; RUN_FORMAT for a record of another format */
export async function readSweepRecord(run: Run): Promise<SweepRecord> {
  const path = join(run.path, FILE);
  let record: SweepRecord;
  try {
    record = JSON.parse(await readFile(path, 'utf8')) as SweepRecord;
  } catch (error) {
    const reason = run.kind === 'sweep' ? `its ${FILE} cannot be read` : 'it is no sweep';
    const expected = 'shield runs lists the sweeps';
    throw new ShieldError('RUN_NOT_RESUMABLE', { id: run.id, reason, expected }, { cause: error });
  }
  checkFormat(path, record.format);
  return record;
}

/** What the record holds beside its cells. */
function headOf(plan: SweepPlan, asked: SweepAsked, common: unknown): Omit<SweepRecord, 'cells'> {
  const { keys, settings, seed } = plan;
  const { spec, overrides, multirun, executor } = asked;
  const { metric, goal } = settings;
  return {
    ...{ format: 1, spec, overrides, multirun },
    ...(executor === undefined ? {} : { executor }),
    keys,
    ...(metric === undefined ? {} : { metric }),
    goal,
    ...{ common, settings, seed },
  };
}
