import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { basename, resolve, sep } from 'node:path';
import { ShieldError, reasonOf, systemCode } from '../errors/index.js';
import { countedInstead, withSuperseded } from './counted-runs.js';
import type { RecordedError, ReportedState } from './events.js';
import { lastState } from './last-state.js';
import { RECORD_FORMAT, checkFormat, otherFormat } from './record-format.js';
import { lockHolder, type LockHolder } from './run-lock.js';

/** What run.json says: the facts of a run that never change. */
export interface RunRecord {
  readonly format: 1;
  readonly id: string;
  readonly name: string;
  /** Of the resolved spec: equal for runs of the same experiment. */
  readonly hash: string;
  /** ISO 8601, UTC. */
  readonly createdAt: string;
  readonly commandLine: readonly string[];
  /** A sweep: its cells are runs of their own. */
  readonly kind?: 'sweep';
  /** How many a sweep has; those of older versions do not say. */
  readonly cells?: number;
  /** Id of the sweep that this run is a cell of, and the number it has there, from 1. */
  readonly sweep?: string;
  readonly cell?: number;
  /** Id of the run that this one runs again. */
  readonly reproduces?: string;
}

/** A run's directory and the files in it. */
export interface Run extends RunRecord {
  /** Absolute. */
  readonly path: string;
  readonly files: RunFiles;
}

/** Absolute paths; those written at the end are there only then. */
export interface RunFiles {
  /** As the person wrote it. */
  readonly spec: string;
  readonly resolved: string;
  readonly provenance: string;
  readonly journal: string;
  readonly console: string;
  readonly perImage: string;
  readonly metrics: string;
}

/** How a run stands. */
export interface RunStatus {
  /** As the journal has it last, DEAD or SUPERSEDED; undefined when the journal holds no state that can be read. */
  readonly state: ReportedState | undefined;
  /** When it entered that state. */
  readonly since: string | undefined;
  readonly error: RecordedError | undefined;
  /** The process that works on it. */
  readonly holder: LockHolder | undefined;
}

export type ListedRun = Run & RunStatus;

/** Folder that runs go to: `$SHIELD_RUNS`, else `runs` in the working directory. */
export function runsFolder(): string {
  return resolve(process.env['SHIELD_RUNS'] || 'runs');
}

/**
 * Every run in the folder, the oldest first. A folder that is not there holds none. Records of another format are no
 * part of any list, since nobody knows what their words mean: see {@link surveyRuns}.
 */
export async function listRuns(runsDir: string): Promise<readonly ListedRun[]> {
  return (await surveyRuns(runsDir)).runs;
}

/** What a folder holds, what cannot be read too. */
export interface RunsSurvey {
  readonly runs: readonly ListedRun[];
  /** Absolute paths of directories that a run left whose run.json is of another format, damaged or missing. */
  readonly unreadable: readonly string[];
}

export async function surveyRuns(runsDir: string): Promise<RunsSurvey> {
  const { runs, unreadable } = recordsIn(runsDir);
  const listed: ListedRun[] = [];
  for (const run of runs) {
    if (run.format === RECORD_FORMAT) listed.push({ ...run, ...(await runStatus(run.path)) });
    else unreadable.push(run.path);
  }
  return { runs: withSuperseded(listed, runsDir), unreadable };
}

/**
 * @throws RUN_NOT_FOUND when the folder holds no run; RUN_FORMAT when its run.json is of another format, damaged, or
 *   missing beside a journal
 */
export async function openRun(path: string): Promise<Run> {
  const run = readRun(resolve(path));
  if (run) {
    checkFormat(recordOf(run.path), run.format);
    return run;
  }
  if (leftByRun(resolve(path))) throw otherFormat(recordOf(resolve(path)), undefined);
  throw new ShieldError('RUN_NOT_FOUND', { id: basename(path), folder: resolve(path, '..'), hint: '' });
}

/** How the run in this directory stands, from the end of its journal and its lock. */
export async function runStatus(path: string): Promise<RunStatus> {
  const { journal } = filesOf(path);
  let last = lastState(journal);
  // Only a run that says RUNNING has a holder: the others need not be asked.
  const holder = last?.state === 'RUNNING' ? await lockHolder(path) : undefined;
  // It may have ended between the two questions: its last word is written before its lock is given up.
  if (last?.state === 'RUNNING' && !holder) last = lastState(journal);
  const state = last?.state === 'RUNNING' && !holder ? 'DEAD' : last?.state;
  return { state, since: last?.time, error: last?.error, holder };
}

/** As {@link runStatus}, but SUPERSEDED for a finished run of a cell whose sweep counts another. */
export async function statusOf(run: Run): Promise<RunStatus & { readonly supersededBy?: string }> {
  const status = await runStatus(run.path);
  const supersededBy = status.state === 'COMPLETED' ? countedInstead(run) : undefined;
  return supersededBy === undefined ? status : { ...status, state: 'SUPERSEDED', supersededBy };
}

/** The state of the run in this directory alone. */
export async function runState(path: string): Promise<ReportedState | undefined> {
  return (await runStatus(path)).state;
}

/** @param path absolute; plain concatenation, since a list of runs makes tens of thousands of these */
export function filesOf(path: string): RunFiles {
  const folder = path + sep;
  return {
    spec: `${folder}spec.yaml`,
    resolved: `${folder}resolved.yaml`,
    provenance: `${folder}provenance.json`,
    journal: `${folder}journal.jsonl`,
    console: `${folder}console.log`,
    perImage: `${folder}per-image.jsonl`,
    metrics: `${folder}metrics.json`,
  };
}

/** Whether a directory is a run's, whatever became of its record. */
export function leftByRun(path: string): boolean {
  return existsSync(recordOf(path)) || existsSync(filesOf(path).journal);
}

function recordOf(path: string): string {
  return `${path}${sep}run.json`;
}

/** Read synchronously: see {@link lastState}. */
export function recordsIn(runsDir: string): { runs: Run[]; unreadable: string[] } {
  const folder = resolve(runsDir);
  const runs: Run[] = [];
  const unreadable: string[] = [];
  for (const name of namesIn(runsDir)) {
    const path = `${folder}${sep}${name}`;
    const run = readRun(path, name);
    if (run) runs.push(run);
    else if (leftByRun(path)) unreadable.push(path);
  }
  return { runs: runs.sort(inOrder), unreadable };
}

function namesIn(runsDir: string): readonly string[] {
  try {
    return readdirSync(runsDir).filter((name) => !name.startsWith('.'));
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    const params = { id: '*', folder: resolve(runsDir), hint: ` (${reasonOf(error)})` };
    throw new ShieldError('RUN_NOT_FOUND', params, { cause: error });
  }
}

/** Two runs of one second are told apart by the milliseconds of run.json, at last by their ids. */
function inOrder(a: Run, b: Run): number {
  if (a.createdAt !== b.createdAt) return a.createdAt < b.createdAt ? -1 : 1;
  return a.id < b.id ? -1 : 1;
}

function readRun(path: string, name = basename(path)): Run | undefined {
  try {
    const record = JSON.parse(readFileSync(recordOf(path), 'utf8')) as RunRecord;
    // A directory that a person renamed or copied goes by the name that it has now.
    return { ...record, id: name, path, files: filesOf(path) };
  } catch {
    return undefined;
  }
}
