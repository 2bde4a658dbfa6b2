import { readFile, readdir, stat } from 'node:fs/promises';
import { basename, join, resolve, sep } from 'node:path';
import { ShieldError, didYouMean, reasonOf, systemCode } from '../errors/index.js';
import type { RecordedError, RunState } from './events.js';
import { lastState } from './last-state.js';
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
  /** As the journal has it last; undefined when the journal holds no state that can be read. */
  readonly state: RunState | undefined;
  /** When it entered that state. */
  readonly since: string | undefined;
  readonly error: RecordedError | undefined;
  /** The process that works on it. A run that is RUNNING without one was killed. */
  readonly holder: LockHolder | undefined;
}

export type ListedRun = Run & RunStatus;

/** Folder that runs go to: `$SHIELD_RUNS`, else `runs` in the working directory. */
export function runsFolder(): string {
  return resolve(process.env['SHIELD_RUNS'] || 'runs');
}

/** Every run in the folder, the oldest first. A folder that is not there holds none. */
export async function listRuns(runsDir: string): Promise<readonly ListedRun[]> {
  const runs = await runsIn(runsDir);
  return Promise.all(runs.map(async (run) => ({ ...run, ...(await runStatus(run.path)) })));
}

/** @throws RUN_NOT_FOUND when the folder holds no run */
export async function openRun(path: string): Promise<Run> {
  const run = await readRun(resolve(path));
  if (run) return run;
  throw new ShieldError('RUN_NOT_FOUND', { id: basename(path), folder: resolve(path, '..'), hint: '' });
}

/**
 * @param name a run's id, any beginning of it, its last six characters, the path of its directory, or `latest`
 * @throws RUN_NOT_FOUND with the nearest names, or with all that an ambiguous one could mean
 */
export async function findRun(runsDir: string, name: string): Promise<Run> {
  if (name.includes('/') || name.includes(sep)) return openRun(name);
  const exact = /^\.*$/.test(name) ? undefined : await readRun(resolve(runsDir, name));
  if (exact) return exact;
  const runs = await runsIn(runsDir);
  const found = name === 'latest' ? runs.slice(-1) : name === '' ? [] : runs.filter(({ id }) => fits(id, name));
  if (found.length === 1) return found[0]!;
  throw new ShieldError('RUN_NOT_FOUND', { id: name, folder: resolve(runsDir), hint: hint(name, runs, found) });
}

/** How the run in this directory stands, from the end of its journal and its lock. */
export async function runStatus(path: string): Promise<RunStatus> {
  const [last, holder] = await Promise.all([lastState(filesOf(path).journal), lockHolder(path)]);
  return { state: last?.state, since: last?.time, error: last?.error, holder };
}

/** The state that the journal of the run in this directory has last. */
export async function runState(path: string): Promise<RunState | undefined> {
  return (await runStatus(path)).state;
}

export function filesOf(path: string): RunFiles {
  return {
    spec: join(path, 'spec.yaml'),
    resolved: join(path, 'resolved.yaml'),
    provenance: join(path, 'provenance.json'),
    journal: join(path, 'journal.jsonl'),
    console: join(path, 'console.log'),
    perImage: join(path, 'per-image.jsonl'),
    metrics: join(path, 'metrics.json'),
  };
}

function fits(id: string, name: string): boolean {
  return id.startsWith(name) || (name.length === 6 && id.endsWith(`-${name}`));
}

function hint(name: string, runs: readonly Run[], found: readonly Run[]): string {
  if (runs.length === 0) return '; there are no runs there yet';
  const some = (list: readonly Run[]) =>
    list
      .slice(-3)
      .map(({ id }) => `"${id}"`)
      .join(', ');
  if (found.length > 1) return `; ${found.length} begin so, among them ${some(found)}`;
  const close = didYouMean(
    name,
    runs.flatMap(({ id }) => [id, id.slice(0, name.length)]),
  );
  const whole = runs.find(({ id }) => close.includes(`"${id.slice(0, name.length)}"`));
  return whole ? `; did you mean "${whole.id}"?` : `; the latest are ${some(runs)}`;
}

async function runsIn(runsDir: string): Promise<readonly Run[]> {
  const names = await readdir(runsDir).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return [];
    throw new ShieldError(
      'RUN_NOT_FOUND',
      { id: '*', folder: resolve(runsDir), hint: ` (${reasonOf(error)})` },
      { cause: error },
    );
  });
  const visible = names.filter((name) => !name.startsWith('.'));
  const runs = await Promise.all(visible.map((name) => readRun(resolve(runsDir, name))));
  return runs.filter((run) => run !== undefined).sort((a, b) => order(a).localeCompare(order(b), 'en'));
}

/** Two runs of one second are told apart by the milliseconds of run.json, at last by their ids. */
function order(run: Run): string {
  return `${run.createdAt} ${run.id}`;
}

async function readRun(path: string): Promise<Run | undefined> {
  try {
    if (!(await stat(path)).isDirectory()) return undefined;
    const record = JSON.parse(await readFile(join(path, 'run.json'), 'utf8')) as RunRecord;
    // A directory that a person renamed or copied goes by the name that it has now.
    return { ...record, id: basename(path), path, files: filesOf(path) };
  } catch {
    return undefined;
  }
}
