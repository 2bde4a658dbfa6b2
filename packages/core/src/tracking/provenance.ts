import { existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Backend } from '../backend/backend.js';
import { writeError } from '../errors/index.js';
import { collectGit, gitTop, type CollectedGit, type GitState } from './git-state.js';
import { collectMachine, type Machine } from './machine.js';
import type { Run } from './runs-folder.js';
import { keptEnvironment, withoutSecrets } from './secrets.js';
import { collectLockFile, collectSoftware, type LockFile } from './software.js';
import { writeAtomically } from './write-atomically.js';

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
  /** Of SHIELD's own checkout. */
  readonly git: GitState;
  /** Of the repository that the spec stands in, where that is another one. */
  readonly specGit?: GitState;
  readonly software: Readonly<Record<string, string>>;
  readonly lockFile?: LockFile;
  readonly machine: Machine;
  readonly environment: Readonly<Record<string, string>>;
  /** Written when the backend has been opened: see {@link recordBackend}. */
  readonly backend?: BackendRecord;
}

export interface CollectedProvenance {
  readonly record: Provenance;
  /** Files that go beside it, by name: the diffs of changed checkouts. */
  readonly files: Readonly<Record<string, string>>;
}

export interface ProvenanceInput {
  /** Folder of SHIELD's root package; default: where this code belongs to. */
  readonly projectDir?: string;
  readonly specDir: string;
  readonly seed: number;
  readonly backend?: Backend;
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
  const [{ project, spec }, software, lockFile, machine] = await Promise.all([
    collectRepositories(projectDir, specDir),
    collectSoftware(projectDir),
    collectLockFile(projectDir),
    collectMachine(),
  ]);
  const record: Provenance = {
    format: 1,
    startedAt,
    commandLine: withoutSecrets(input.commandLine ?? process.argv.slice(1)),
    workingDirectory: process.cwd(),
    specDir,
    seed: input.seed,
    git: project.state,
    ...(spec ? { specGit: spec.state } : {}),
    software,
    ...(lockFile ? { lockFile } : {}),
    machine,
    environment: keptEnvironment(process.env),
    ...(input.backend ? { backend: describe(input.backend) } : {}),
  };
  const files = {
    ...(project.diff === undefined ? {} : { 'dirty.diff': project.diff }),
    ...(spec?.diff !== undefined ? { 'spec-dirty.diff': spec.diff } : {}),
  };
  return { record, files };
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
    const record = JSON.parse(await readFile(path, 'utf8')) as Provenance;
    await writeAtomically(path, `${JSON.stringify({ ...record, backend: describe(backend) }, null, 2)}\n`);
  } catch (error) {
    throw writeError(error, path, run.id);
  }
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
