import { reasonOf } from '../errors/index.js';
import { GIT_TIMEOUT_MS, git, gitIn } from './git.js';

/** What git says of a folder. Remotes are left out: their addresses may carry credentials. */
export type GitState =
  | { readonly available: false; readonly reason: string }
  | {
      readonly available: true;
      /** undefined in a repository without commits. */
      readonly commit?: string;
      /** undefined where HEAD is detached. */
      readonly branch?: string;
      readonly dirty: boolean;
      /** Paths from the top of the repository; at most {@link MAX_UNTRACKED}. */
      readonly untracked: readonly string[];
      readonly untrackedCount: number;
      /** The changes of tracked files against HEAD; `stored` of its bytes are kept. */
      readonly diff?: { readonly file: string; readonly stored: number; readonly truncated: boolean };
    };

export interface CollectedGit {
  readonly state: GitState;
  /** Top folder of the repository. */
  readonly top?: string;
  readonly diff?: string;
}

export const MAX_DIFF_BYTES = 5 * 1024 * 1024;
const MAX_UNTRACKED = 1000;

/**
 * Commit, branch and changes of the repository that holds `folder`. Never takes git's locks, never runs the user's diff
 * programs or asks a remote. @param diffFile name that the diff will be stored under
 */
export async function collectGit(folder: string, diffFile: string): Promise<CollectedGit> {
  try {
    const [top, status, diff] = await Promise.all([
      git(folder, ['rev-parse', '--show-toplevel']),
      git(folder, ['status', '--porcelain=v2', '--branch', '-z', '--untracked-files=all', '--ignore-submodules=none']),
      boundedDiff(folder),
    ]);
    const parsed = parseStatus(status);
    const kept =
      diff.text === ''
        ? undefined
        : { file: diffFile, stored: Buffer.byteLength(diff.text), truncated: diff.truncated };
    return {
      top: top.trimEnd(),
      ...(kept ? { diff: diff.text } : {}),
      state: { available: true, ...parsed, ...(kept ? { diff: kept } : {}) },
    };
  } catch (error) {
    return { state: { available: false, reason: whyNot(error) } };
  }
}

/** Of `git status --porcelain=v2 --branch -z` (git-status(1)). */
function parseStatus(text: string) {
  const fields = text.split('\0');
  const untracked: string[] = [];
  let dirty = false;
  let commit: string | undefined;
  let branch: string | undefined;
  for (let i = 0; i < fields.length; i++) {
    const field = fields[i]!;
    if (field.startsWith('# branch.oid ')) commit = known(field.slice(13), '(initial)');
    else if (field.startsWith('# branch.head ')) branch = known(field.slice(14), '(detached)');
    else if (field.startsWith('? ')) untracked.push(field.slice(2));
    else if (/^[12u] /.test(field)) dirty = true;
    // A renamed path is followed by its former name.
    if (field.startsWith('2 ')) i++;
  }
  return {
    ...(commit === undefined ? {} : { commit }),
    ...(branch === undefined ? {} : { branch }),
    dirty: dirty || untracked.length > 0,
    untracked: untracked.slice(0, MAX_UNTRACKED),
    untrackedCount: untracked.length,
  };
}

function known(value: string, unknown: string): string | undefined {
  return value === unknown ? undefined : value;
}

/** `git diff HEAD`, cut at {@link MAX_DIFF_BYTES} without reading the rest. */
async function boundedDiff(folder: string): Promise<{ text: string; truncated: boolean }> {
  // Whatever the user's settings are, `git apply` takes it, binary files too.
  const form = ['--full-index', '--binary', '--no-relative', '--src-prefix=a/', '--dst-prefix=b/'];
  const options = ['--no-color', '--no-ext-diff', '--no-textconv', ...form];
  // `git diff` would note in the index which files only look changed, and take the index's lock for it.
  const diff = ['-c', 'diff.autoRefreshIndex=false', 'diff', ...options];
  try {
    return await bounded(folder, [...diff, 'HEAD']);
  } catch (error) {
    // Without a first commit there is no HEAD: what is staged is all that can be compared.
    if (!/HEAD|unknown revision/.test(reasonText(error))) throw error;
    return bounded(folder, [...diff, '--cached']);
  }
}

async function bounded(folder: string, args: string[]): Promise<{ text: string; truncated: boolean }> {
  const stop = new AbortController();
  const chunks: Buffer[] = [];
  let bytes = 0;
  const client = await gitIn(folder, stop.signal);
  client.outputHandler((_command, stdout) => {
    stdout.on('data', (chunk: Buffer) => {
      if (bytes < MAX_DIFF_BYTES) chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > MAX_DIFF_BYTES) stop.abort();
    });
  });
  try {
    await client.raw(args);
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  }
  const whole = Buffer.concat(chunks);
  if (bytes <= MAX_DIFF_BYTES) return { text: withoutEmpty(whole.toString('utf8')), truncated: false };
  const lineEnd = whole.subarray(0, MAX_DIFF_BYTES).lastIndexOf(0x0a) + 1;
  return { text: withoutEmpty(whole.toString('utf8', 0, lineEnd)), truncated: true };
}

/** Leaves out the files that only look changed: nothing but their heading is there. */
function withoutEmpty(diff: string): string {
  return diff.replaceAll(/^diff --git .*\n(?=diff --git |(?![^]))/gm, '');
}

function whyNot(error: unknown): string {
  const text = reasonText(error);
  if (/ENOENT/.test(text)) return 'git is not installed';
  if (/not a git repository/.test(text)) return 'not in a git repository';
  if (/dubious ownership/.test(text)) return 'the repository belongs to another user (git: safe.directory)';
  if (/block timeout/.test(text)) return `git did not answer within ${GIT_TIMEOUT_MS / 1000} s`;
  return reasonOf(error);
}

function reasonText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
