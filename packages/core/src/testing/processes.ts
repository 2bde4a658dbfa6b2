import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { projectRoot } from './shared-data.js';

export interface Finished {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A real process that runs a piece of JavaScript over the built core. */
export interface Script {
  readonly process: ChildProcess;
  readonly finished: Promise<Finished>;
  /** Resolves when stdout holds the text; rejects when the process ends before. */
  printed(text: string): Promise<void>;
}

/**
 * Starts `code` (an ES module) in a process of its own. Whatever the built `module` of core exports (its path below
 * `dist`) is there as `core`.
 */
export function startScript(
  module: string,
  code: string,
  options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Script {
  const built = join(projectRoot(), 'packages', 'core', 'dist', module);
  if (!existsSync(built)) throw new Error(`${built} is not there: run npm run build first`);
  const program = `const core = await import(${JSON.stringify(pathToFileURL(built).href)});\n${code}`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    ...options,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  const waiting = new Set<() => void>();
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    for (const check of waiting) check();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const finished = new Promise<Finished>((resolve) => {
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  const printed = (text: string) =>
    new Promise<void>((resolve, reject) => {
      const check = () => {
        if (!stdout.includes(text)) return;
        waiting.delete(check);
        resolve();
      };
      waiting.add(check);
      void finished.then(() => reject(new Error(`ended without printing "${text}":\n${stdout}${stderr}`)));
      check();
    });
  return { process: child, finished, printed };
}

export interface SmallDisk {
  readonly path: string;
  /** Makes it writable or not, where it was mounted. */
  setReadOnly(readOnly: boolean): void;
  unmount(): void;
}

/** Whether this user may mount a file system: tests of full and read-only disks need one. */
export function canMountDisks(): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false;
  try {
    mountSmallDisk(4096).unmount();
    return true;
  } catch {
    return false;
  }
}

/** A file system of its own with so many bytes; to be unmounted. */
export function mountSmallDisk(bytes: number): SmallDisk {
  const path = mkdtempSync(join(tmpdir(), 'shield-disk-'));
  const { status, stderr } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', path]);
  if (status !== 0) {
    rmSync(path, { recursive: true });
    throw new Error(`no disk can be mounted: ${String(stderr)}`);
  }
  return {
    path,
    setReadOnly: (readOnly) => void spawnSync('mount', ['-o', `remount,${readOnly ? 'ro' : 'rw'}`, path]),
    unmount: () => {
      spawnSync('umount', [path]);
      rmSync(path, { recursive: true, force: true });
    },
  };
}
