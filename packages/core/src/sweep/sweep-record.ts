import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ShieldError } from '../errors/index.js';
import { canonicalJson } from '../spec/canonical.js';
import { isMapping } from '../spec/plugin-places.js';
import { toYaml } from '../spec/to-yaml.js';
import { collectProvenance, type CollectedProvenance } from '../tracking/provenance.js';
import { checkFormat } from '../tracking/record-format.js';
import { createRun } from '../tracking/run-directory.js';
import { listRuns, type Run } from '../tracking/runs-folder.js';
import type { SweepPlan } from './plan.js';
import type { SweepSettings } from './settings.js';

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
 * @throws WRITE_FAILED, DISK_FULL
 */
export async function openSweep(runsFolder: string, plan: SweepPlan, asked: SweepAsked): Promise<OpenedSweep> {
  const { seed, folder } = plan;
  const { commandLine } = asked;
  const [found, provenance] = await Promise.all([
    findSweep(runsFolder, plan),
    collectProvenance({ seed, commandLine, specDir: folder, usedFiles: plan.files }),
  ]);
  if (found) return { run: found, provenance };
  const common = plan.cells.map(({ resolved }) => resolved as unknown).reduce(inBoth) as object;
  const run = await createRun(runsFolder, {
    name: plan.name,
    specText: plan.text,
    resolvedText: resolvedText(plan, common),
    hash: plan.hash,
    provenance,
    commandLine,
    kind: 'sweep',
    cells: plan.cells.length,
    files: { [FILE]: `${JSON.stringify(recordOf(plan, asked, common), undefined, 1)}\n` },
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

function recordOf(plan: SweepPlan, asked: SweepAsked, common: unknown): SweepRecord {
  const { keys, settings, seed, cells } = plan;
  const { spec, overrides, multirun, executor } = asked;
  const { metric, goal } = settings;
  return {
    ...{ format: 1, spec, overrides, multirun },
    ...(executor === undefined ? {} : { executor }),
    keys,
    ...(metric === undefined ? {} : { metric }),
    goal,
    cells: cells.map(({ cell, key, params, resolved }) => ({ cell, key, params, own: beside(common, resolved) })),
    ...{ common, settings, seed },
  };
}

/** What the resolved specs of all cells have in common, and every point. */
function resolvedText({ keys, settings, cells }: SweepPlan, common: object): string {
  const sweep = { keys, cells: cells.length, ...settings, points: cells.map(({ params }) => params) };
  return toYaml({ ...common, sweep } as never);
}

/** The members of two mappings that are the same in both, at any depth. */
function inBoth(a: unknown, b: unknown): unknown {
  if (a === b || !isMapping(a) || !isMapping(b)) return canonicalJson(a) === canonicalJson(b) ? a : undefined;
  return Object.fromEntries(
    Object.entries(a).flatMap(([key, value]) => {
      const same = key in b ? inBoth(value, b[key]) : undefined;
      return same === undefined ? [] : [[key, same]];
    }),
  );
}

/** The members of a value that another one lacks, at any depth; undefined where it lacks none. */
function beside(common: unknown, value: unknown): unknown {
  if (!isMapping(common) || !isMapping(value))
    return canonicalJson(common) === canonicalJson(value) ? undefined : value;
  const own = Object.entries(value).flatMap(([key, member]) => {
    const rest = key in common ? beside(common[key], member) : member;
    return rest === undefined ? [] : [[key, rest] as const];
  });
  return own.length === 0 ? undefined : Object.fromEntries(own);
}
