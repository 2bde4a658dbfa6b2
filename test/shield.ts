import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { projectRoot } from '@shield/core/testing';
import { afterAll, expect, vi } from 'vitest';

export const root = projectRoot();

// Real processes on a busy machine: slow is not wrong.
vi.setConfig({ testTimeout: 240_000 });

export interface Outcome {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A folder that goes when the tests of the file are over. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'shield-test-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export interface StartOptions {
  /** Folder for the runs. */
  readonly runs: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** What the process takes the machine to be called: see {@link canBeElsewhere}. */
  readonly hostname?: string;
}

/** Whether a process may have a host name of its own here: user namespaces, as Linux allows them or not. */
export const canBeElsewhere = spawnSync('unshare', ['--uts', '--map-root-user', 'hostname', 'elsewhere']).status === 0;

/** Starts the built `shield` command in a process of its own. */
export function start(
  args: readonly string[],
  options: StartOptions,
): { child: ChildProcess; outcome: Promise<Outcome> } {
  const command = [process.execPath, join(root, 'bin', 'shield.js'), ...args];
  const there = ['--uts', '--map-root-user', 'sh', '-c', `hostname ${options.hostname} && exec "$@"`, 'sh', ...command];
  const [program, ...words] = options.hostname === undefined ? command : ['unshare', ...there];
  const child = spawn(program!, words, {
    cwd: options.cwd ?? root,
    env: { ...process.env, SHIELD_RUNS: options.runs, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const outcome = new Promise<Outcome>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  return { child, outcome };
}

export function shield(args: readonly string[], options: StartOptions): Promise<Outcome> {
  return start(args, options).outcome;
}

/** The run directories in a folder, the oldest first: by the record, since names tell seconds only. */
export function runsIn(folder: string): string[] {
  const created = (path: string) => {
    const record = join(path, 'run.json');
    return existsSync(record) ? readJson<{ createdAt?: string }>(record).createdAt : undefined;
  };
  return readdirSync(folder)
    .filter((name) => name !== 'artifacts' && !name.startsWith('.'))
    .map((name) => join(folder, name))
    .map((path) => [path, created(path) ?? ''] as const)
    .sort(([a, first], [b, second]) => (first === second ? (a < b ? -1 : 1) : first < second ? -1 : 1))
    .map(([path]) => path);
}

export function readJson<T>(path: string): T {
  return JSON.parse(readFileSync(path, 'utf8')) as T;
}

export function readLines<T>(path: string): T[] {
  return readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as T);
}

/** Lines of a stack trace. */
const STACK = /\n\s+at .+(:\d+:\d+\)?|<anonymous>)/;

/**
 * Holds a failed command to what every failure owes its user: the exit code, a code of the error table (given whole,
 * or as far as it is certain), how
 * to mend it (after the arrow), and no stack trace.
 */
export function expectError({ code, stderr }: Outcome, exit: 1 | 2, errorCode: string): void {
  expect(stderr).toMatch(new RegExp(`\\b${errorCode}[A-Z_]*: `));
  expect(code, stderr).toBe(exit);
  expect(stderr).toMatch(/\n {2}→ \S/);
  expect(stderr).not.toMatch(STACK);
  expect(stderr).not.toMatch(/INTERNAL|undefined|\[object/);
}

/** The spec that tests run, and overrides that make it small. */
export const SMOKE = join(root, 'configs', 'smoke.yaml');
export const SMALL = ['dataset.limit=8', 'batch=4', 'attacks.cw_l2.search_steps=1', '~attacks.fgsm'] as const;

/** Metrics but for the seconds, which no two runs share. */
export function withoutTimes(metrics: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(metrics).filter(([key]) => !key.endsWith('seconds')));
}

/** The finished batches of attacked images in a folder of runs, each with the time of its file. */
export function attackedBatches(runs: string): string[] {
  const artifacts = join(runs, 'artifacts');
  if (!existsSync(artifacts)) return [];
  return readdirSync(artifacts)
    .filter((name) => name.startsWith('attacked-') && !name.endsWith('.lock'))
    .flatMap((name) =>
      readdirSync(join(artifacts, name))
        .filter((file) => /^batch-.*\.json$/.test(file))
        .map((file) => `${name}/${file} ${statSync(join(artifacts, name, file)).mtimeMs}`),
    )
    .sort();
}

/** Waits for something to become true; the test's own timeout ends it where it never does. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(20);
}

/** What `shield run --json` prints. */
export interface JsonResult {
  readonly run: string;
  readonly path: string;
  readonly metrics: Readonly<Record<string, number>>;
}

/** Writes a spec whose images come through pip, the first thing that it needs, and gives its path. */
export function photosSpec(folder: string): string {
  const path = join(folder, 'photos.yaml');
  const text = 'name: photos\nbackend: wasm\ndataset: { use: sample_photos }\nmodel: { use: small_cnn }\n';
  writeFileSync(path, `${text}attack: { use: fgsm }\n`);
  return path;
}

/** Environment of a pip that meets no registry: it knows only the wheels of a folder. */
export function noRegistry(cache: string, wheels = join(cache, 'no-wheels')): Record<string, string> {
  return { SHIELD_CACHE: cache, PIP_NO_INDEX: '1', PIP_FIND_LINKS: wheels, PIP_CONFIG_FILE: '/dev/null' };
}
