import { createHash } from 'node:crypto';
import { readFileSync, realpathSync, statSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { reasonOf } from '../errors/index.js';
import { git, gitTop } from './git.js';
import { newFilePatch } from './new-file-patch.js';
import { mayHoldSecrets } from './secrets.js';

/** Files that a run uses (specs, configs, plugins' code) and no commit holds, of one repository or of none. */
export interface UncommittedFiles {
  /** Absolute; paths start from it: the top of the repository, else the nearest folder that holds all of them. */
  readonly folder: string;
  /** What makes the files again, for `git apply` in that folder; undefined where none is kept. */
  readonly patch?: string;
  readonly files: readonly UncommittedFile[];
}

export interface UncommittedFile {
  /** With `/` between folders. */
  readonly path: string;
  /** undefined where it could not be read. */
  readonly sha256?: string;
  /** Why its content is not in the patch. */
  readonly left?: string;
}

export interface CollectedUncommitted {
  readonly record: readonly UncommittedFiles[];
  /** The patches, by the name in the record. */
  readonly patches: Readonly<Record<string, string>>;
}

const MAX_FILE_BYTES = 1024 * 1024;
const MAX_PATCH_BYTES = 5 * 1024 * 1024;

/**
 * Which of the files no commit holds, and what is in them: text up to 1 MiB a file and 5 MiB a patch, but nothing whose
 * name or content looks like a credential; of the others the sha256. What packages bring along (`node_modules`) is named
 * by their versions.
 *
 * @param used absolute paths; those that are not there are left out
 * @param ownTop top folder of SHIELD's own checkout: what git ignores there is built from what it does not
 */
export async function collectUncommitted(
  used: readonly string[],
  ownTop: string | undefined,
): Promise<CollectedUncommitted> {
  const groups = await byRepository(used);
  const record: UncommittedFiles[] = [];
  const patches: Record<string, string> = {};
  for (const [top, paths] of groups) {
    const open = top === undefined ? paths : await untracked(top, paths, top === ownTop);
    if (open.length === 0) continue;
    const folder = top ?? commonFolder(open);
    const name = `untracked${record.length === 0 ? '' : `-${record.length + 1}`}.diff`;
    const { files, patch } = read(folder, open);
    if (patch !== '') patches[name] = patch;
    record.push({ folder, ...(patch === '' ? {} : { patch: name }), files });
  }
  return { record, patches };
}

/** Real paths, sorted, by the top of the repository that holds them. */
async function byRepository(used: readonly string[]): Promise<Map<string | undefined, string[]>> {
  const tops = new Map<string, Promise<string | undefined>>();
  const groups = new Map<string | undefined, string[]>();
  for (const path of [...new Set(used.flatMap(realPath))].sort()) {
    if (path.includes(`${sep}node_modules${sep}`)) continue;
    const folder = dirname(path);
    if (!tops.has(folder)) tops.set(folder, gitTop(folder));
    const top = await tops.get(folder);
    const group = groups.get(top);
    if (group) group.push(path);
    else groups.set(top, [path]);
  }
  return groups;
}

function realPath(path: string): string[] {
  try {
    return [realpathSync(path)];
  } catch {
    return [];
  }
}

async function untracked(top: string, paths: readonly string[], leaveIgnored: boolean): Promise<string[]> {
  const names = paths.map((path) => slashed(relative(top, path)));
  const ignored = leaveIgnored ? ['--exclude-standard'] : [];
  const list = ['--literal-pathspecs', 'ls-files', '--others', '-z', ...ignored, '--', ...names];
  // What git cannot tell of is kept: better twice than never.
  const listed = await git(top, list).catch(() => names.join('\0'));
  return listed
    .split('\0')
    .filter((name) => name !== '')
    .map((name) => join(top, name));
}

function read(folder: string, paths: readonly string[]): { files: UncommittedFile[]; patch: string } {
  let patch = '';
  const files = paths.map((absolute): UncommittedFile => {
    const path = slashed(relative(folder, absolute));
    let bytes: Buffer;
    let executable: boolean;
    try {
      executable = (statSync(absolute).mode & 0o100) !== 0;
      bytes = readFileSync(absolute);
    } catch (error) {
      return { path, left: `it cannot be read (${reasonOf(error)})` };
    }
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    if (bytes.length > MAX_FILE_BYTES) return { path, sha256, left: `larger than ${MAX_FILE_BYTES / 1024 / 1024} MiB` };
    const text = asText(bytes);
    if (text === undefined) return { path, sha256, left: 'not text' };
    if (mayHoldSecrets(path, text)) return { path, sha256, left: 'it may hold credentials' };
    const added = newFilePatch(path, text, executable);
    if (patch.length + added.length > MAX_PATCH_BYTES) return { path, sha256, left: 'the patch is full' };
    patch += added;
    return { path, sha256 };
  });
  return { files, patch };
}

function asText(bytes: Buffer): string | undefined {
  if (bytes.includes(0)) return undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function commonFolder(paths: readonly string[]): string {
  let folder = dirname(paths[0]!);
  while (!paths.every((path) => path.startsWith(folder.endsWith(sep) ? folder : folder + sep)))
    folder = dirname(folder);
  return folder;
}

function slashed(path: string): string {
  return path.split(sep).join('/');
}
