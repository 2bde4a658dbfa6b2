import { existsSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Backend } from '../backend/backend.js';
import { writeError } from '../errors/index.js';
import type { CodeRecord } from '../pipeline/code-digest.js';
import { gitTop } from './git.js';
import { collectGit, type CollectedGit, type GitState } from './git-state.js';
import { collectMachine, cpuFacts, type Machine } from './machine.js';
import { readProvenance } from './record-format.js';
import type { Run } from './runs-folder.js';
import { keptEnvironment, withoutSecrets } from './secrets.js';
import { collectLockFile, collectSoftware, type LockFile } from './software.js';
import { collectUncommitted, type UncommittedFiles } from './uncommitted-files.js';
import { writeAtomically } from '../files/write-atomically.js';

/** The backend that computed a run. */
export type BackendRecord = Pick<Backend, 'name' | 'description' | 'threads' | 'captures'> & { readonly gpu?: string };

/** How a run came to be: provenance.json. */
export interface Provenance {
  readonly format: 1;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  readonly commandLine: readonly string[];
  readonly workingDirectory: string;
  /** Folder that the spec stood in, which its relative paths start from; absolute. */
  readonly specDir: string;
  readonly seed: number;
  /** The code that carries out the spec, by content; taken when the run begins. */
  readonly code?: CodeRecord;
  /** sha256 of every file that the spec was composed of: itself, then config groups. */
  readonly specFiles?: Readonly<Record<string, string>>;
  /** Of SHIELD's own checkout. */
  readonly git: GitState;
  /** Of the repository that the spec stands in, where that is another one. */
  readonly specGit?: GitState;
  /** Files that the run uses and that no commit holds, with patches that make them again. */
  readonly uncommitted?: readonly UncommittedFiles[];
  readonly software: Readonly<Record<string, string>>;
  readonly lockFile?: LockFile;
  readonly machine: Machine;
  readonly environment: Readonly<Record<string, string>>;
  /** The sweep that captured it, once for all its cells; diffs lie in its directory. */
  readonly sweep?: string;
  /** Written when the backend has been opened: see {@link recordBackend}. */
  readonly backend?: BackendRecord;
  /** Other machines that went on with the run, the last of them with the backend above. */
  readonly continuedOn?: readonly Pick<Machine, 'host' | 'cpu'>[];
}

export interface CollectedProvenance {
  readonly record: Provenance;
  /** Files that go beside it, by name: the diffs of changed checkouts, the patches of uncommitted files. */
  readonly files: Readonly<Record<string, string>>;
}

export interface ProvenanceInput {
  /** Folder of SHIELD's root package; default: where this code belongs to. */
  readonly projectDir?: string;
  readonly specDir: string;
  readonly seed: number;
  readonly backend?: Backend;
  readonly code?: CodeRecord;
  readonly specFiles?: Readonly<Record<string, string>>;
  /** Absolute paths of what the run is made of, to be kept where no commit holds it: see {@link collectUncommitted}. */
  readonly usedFiles?: readonly string[];
  /** Default: this process's arguments, from the program's name on. */
  readonly commandLine?: readonly string[];
}

/** Its version says what it is; the repository around it is the user's. */
const INSTALLED: CollectedGit = { state: { available: false, reason: 'SHIELD is installed as a package' } };

/**
 * Gathers what a reader needs to run it again. Everything is optional on a machine: without git, outside a repository
 * or without a GPU the record says so. No secret enters it (see secrets.ts); nothing leaves the machine.
 */
export async function collectProvenance(input: ProvenanceInput): Promise<CollectedProvenance> {
  const startedAt = new Date().toISOString();
  const projectDir = resolve(input.projectDir ?? ownPackage());
  const specDir = resolve(input.specDir);
  const [{ project, spec }, uncommitted, place] = await Promise.all([
    collectRepositories(projectDir, specDir),
    gitTop(projectDir).then((ownTop) => collectUncommitted(input.usedFiles ?? [], ownTop)),
    collectPlace(projectDir),
  ]);
  const record: Provenance = {
    format: 1,
    startedAt,
    commandLine: withoutSecrets(input.commandLine ?? process.argv.slice(1)),
    specDir,
    seed: input.seed,
    ...(input.code ? { code: input.code } : {}),
    ...(input.specFiles ? { specFiles: input.specFiles } : {}),
    git: project.state,
    ...(spec ? { specGit: spec.state } : {}),
    ...(uncommitted.record.length > 0 ? { uncommitted: uncommitted.record } : {}),
    ...place,
    ...(input.backend ? { backend: describe(input.backend) } : {}),
  };
  const files = {
    ...(project.diff === undefined ? {} : { 'dirty.diff': project.diff }),
    ...(spec?.diff !== undefined ? { 'spec-dirty.diff': spec.diff } : {}),
    ...uncommitted.patches,
  };
  return { record, files };
}

/** What a machine that carries out cells for a sweep elsewhere records of itself. */
export type PlaceOfWork = Pick<Provenance, 'workingDirectory' | 'software' | 'lockFile' | 'machine' | 'environment'>;

/** Captured once a worker, not once a cell. */
export async function collectPlace(projectDir = ownPackage()): Promise<PlaceOfWork> {
  const [software, lockFile, machine] = await Promise.all([
    collectSoftware(projectDir),
    collectLockFile(projectDir),
    collectMachine(),
  ]);
  const environment = keptEnvironment(process.env);
  return { workingDirectory: process.cwd(), software, ...(lockFile ? { lockFile } : {}), machine, environment };
}

/** The spec's repository only where it is another one than SHIELD's. */
async function collectRepositories(
  projectDir: string,
  specDir: string,
): Promise<{ project: CollectedGit; spec?: CollectedGit }> {
  const installed = projectDir.includes(`${sep}node_modules${sep}`);
  const projectTop = installed ? undefined : gitTop(projectDir);
  const [project, spec] = await Promise.all([
    installed ? INSTALLED : collectGit(projectDir, 'dirty.diff'),
    gitTop(specDir).then(async (top) =>
      top === undefined || top === (await projectTop) ? undefined : collectGit(specDir, 'spec-dirty.diff'),
    ),
  ]);
  return { project, ...(spec ? { spec } : {}) };
}

/** Adds the backend, which is opened after the run's directory was made, to its provenance.json. */
export async function recordBackend(run: Run, backend: Backend): Promise<void> {
  const path = run.files.provenance;
  try {
    const record = await readProvenance(run);
    const continued = { ...record, ...continuation(record), backend: describe(backend) };
    await writeAtomically(path, `${JSON.stringify(continued, null, 2)}\n`);
  } catch (error) {
    throw writeError(error, path, run.id);
  }
}

/** A run whose machine is gone may be gone on with by another one. */
function continuation({ machine, continuedOn = [] }: Provenance): Pick<Provenance, 'continuedOn'> {
  const last = continuedOn.at(-1) ?? machine;
  if (last.host === hostname()) return {};
  return { continuedOn: [...continuedOn, { host: hostname(), cpu: cpuFacts() }] };
}

function describe({ name, description, threads, captures, gpu }: Backend): BackendRecord {
  return { name, description, threads, captures, ...(gpu === undefined ? {} : { gpu }) };
}

/** The nearest folder above this file that holds the package `shield`, else the one of @shield/core. */
function ownPackage(): string {
  let core = dirname(fileURLToPath(import.meta.url));
  for (let at = core; dirname(at) !== at; at = dirname(at)) {
    const path = join(at, 'package.json');
    if (!existsSync(path)) continue;
    const { name } = JSON.parse(readFileSync(path, 'utf8')) as { name?: string };
    if (name === 'shield') return at;
    if (name === '@shield/core') core = at;
  }
  return core;
}
