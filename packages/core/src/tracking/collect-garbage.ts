import { readFile, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { systemCode, writeError } from '../errors/index.js';
import { readJournal } from './journal-reader.js';
import { lockHolder } from './run-lock.js';
import { openRun, surveyRuns } from './runs-folder.js';

/** An artifact that no recorded run refers to, or what a process that was killed left behind. */
export interface UnusedArtifact {
  /** Below the folder of the artifacts, or of the runs. */
  readonly name: string;
  readonly path: string;
  readonly bytes: number;
}

export interface Garbage {
  readonly unused: readonly UnusedArtifact[];
  /** Artifacts that stay, since runs refer to them or a process works on them. */
  readonly kept: number;
}

/** What is written aside and moved into place at its end, and folders of a moment: nobody writes there for so long. */
const LEFT_BEHIND_MS = 60 * 60_000;

/** A run that has only just begun may not have said yet what it needs. */
const TOO_YOUNG_MS = 10 * 60_000;

/**
 * Finds the artifacts that no run in the folder refers to, and what killed processes left. What is wrong about that can only cost time: an artifact is
 * computed again when it is needed.
 *
 * @param now ms since 1970
 * @throws JOURNAL_CORRUPT, RUN_FORMAT: a run that cannot be read whole may refer to anything
 */
export async function findGarbage(runsDir: string, now = Date.now()): Promise<Garbage> {
  const referred = new Set<string>();
  const { runs, unreadable } = await surveyRuns(runsDir);
  for (const path of unreadable) await openRun(path);
  for (const { files } of runs) {
    for await (const entry of readJournal(files.journal)) {
      // By its name, since a folder of runs may have been moved.
      if (entry.type === 'artifact') referred.add(basename(entry.path));
    }
  }
  const root = join(runsDir, 'artifacts');
  const unused: UnusedArtifact[] = [];
  let kept = 0;
  for (const name of await artifactsIn(root)) {
    const path = join(root, name);
    if (await isWorkedOn(path)) kept++;
    else if (referred.has(name)) {
      kept++;
      unused.push(...(await leftIn(path, name, now)));
    } else {
      const { bytes, changed } = await sizeOf(path);
      if (now - changed < TOO_YOUNG_MS) kept++;
      else unused.push({ name, path, bytes });
    }
  }
  for (const [folder, prefix] of [
    [root, '.removed-'],
    [runsDir, '.reproduced-'],
  ] as const)
    unused.push(...(await leftFolders(folder, prefix, now)));
  return { unused, kept };
}

/**
 * Removes artifacts, each at once out of sight, so that no run finds half of one.
 *
 * @throws WRITE_FAILED
 */
export async function removeArtifacts(artifacts: readonly UnusedArtifact[]): Promise<void> {
  for (const { path } of artifacts) {
    const name = basename(path);
    const hidden = name.startsWith('.') ? path : join(dirname(path), `.removed-${name}`);
    try {
      if (hidden !== path) {
        await rm(hidden, { recursive: true, force: true });
        await rename(path, hidden);
      }
      await rm(hidden, { recursive: true, force: true });
    } catch (error) {
      throw writeError(error, path);
    }
  }
}

/** Files of an artifact that were being written when their process was killed. */
async function leftIn(path: string, name: string, now: number): Promise<UnusedArtifact[]> {
  const left: UnusedArtifact[] = [];
  for (const file of await readdir(path)) {
    // As writing of records and of TFRecords names what is not in its place yet.
    if (!file.startsWith('.') && !file.endsWith('.tmp')) continue;
    const { bytes, changed } = await sizeOfFile(join(path, file));
    if (now - changed >= LEFT_BEHIND_MS) left.push({ name: `${name}/${file}`, path: join(path, file), bytes });
  }
  return left;
}

/** Folders that a process would have removed itself, had it not been killed. */
async function leftFolders(folder: string, prefix: string, now: number): Promise<UnusedArtifact[]> {
  const left: UnusedArtifact[] = [];
  for (const name of await readdir(folder).catch(() => [])) {
    const path = join(folder, name);
    if (!name.startsWith(prefix) || (await isAnyWorkedOn(path))) continue;
    const made = await stat(path).catch(() => undefined);
    // Whoever made it has just removed it, or is about to.
    if (!made || now - made.mtimeMs < LEFT_BEHIND_MS) continue;
    const { bytes, changed } = await sizeOf(path);
    if (now - changed >= LEFT_BEHIND_MS) left.push({ name, path, bytes });
  }
  return left;
}

/** Whether one of the artifacts in a folder is. */
async function isAnyWorkedOn(folder: string): Promise<boolean> {
  for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => []))
    if (entry.isDirectory() && (await isWorkedOn(join(folder, entry.name)))) return true;
  return false;
}

/** Folders that hold an artifact's key: anything else there is not ours to judge. */
async function artifactsIn(root: string): Promise<string[]> {
  const names = await readdir(root).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return [];
    throw writeError(error, root);
  });
  const found: string[] = [];
  for (const name of names.sort()) {
    if (name.startsWith('.')) continue;
    const key = await readFile(join(root, name, 'key.json')).catch(() => undefined);
    if (key) found.push(name);
  }
  return found;
}

/** Whether a living process computes one of its batches. */
async function isWorkedOn(path: string): Promise<boolean> {
  for (const file of await readdir(path)) if (file.endsWith('.lock') && (await lockHolder(path, { file }))) return true;
  return false;
}

async function sizeOf(path: string): Promise<{ bytes: number; changed: number }> {
  let bytes = 0;
  let changed = 0;
  for (const entry of await readdir(path, { withFileTypes: true })) {
    const each = entry.isDirectory() ? await sizeOf(join(path, entry.name)) : await sizeOfFile(join(path, entry.name));
    bytes += each.bytes;
    changed = Math.max(changed, each.changed);
  }
  return { bytes, changed };
}

async function sizeOfFile(path: string): Promise<{ bytes: number; changed: number }> {
  const { size, mtimeMs } = await stat(path);
  return { bytes: size, changed: mtimeMs };
}
