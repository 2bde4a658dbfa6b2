import { readFile, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { systemCode, writeError } from '../errors/index.js';
import { readJournal } from './journal-reader.js';
import { lockHolder } from './run-lock.js';
import { openRun, surveyRuns } from './runs-folder.js';

/** An artifact that no recorded run refers to. */
export interface UnusedArtifact {
  readonly name: string;
  readonly path: string;
  readonly bytes: number;
}

export interface Garbage {
  readonly unused: readonly UnusedArtifact[];
  /** Artifacts that stay, since runs refer to them or a process works on them. */
  readonly kept: number;
}

/** A run that has only just begun may not have said yet what it needs. */
const TOO_YOUNG_MS = 10 * 60_000;

/**
 * Finds the artifacts that no run in the folder refers to. What is wrong about that can only cost time: an artifact is
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
    if (referred.has(name) || (await isWorkedOn(path))) kept++;
    else {
      const { bytes, changed } = await sizeOf(path);
      if (now - changed < TOO_YOUNG_MS) kept++;
      else unused.push({ name, path, bytes });
    }
  }
  return { unused, kept };
}

/**
 * Removes artifacts, each at once out of sight, so that no run finds half of one.
 *
 * @throws WRITE_FAILED
 */
export async function removeArtifacts(artifacts: readonly UnusedArtifact[]): Promise<void> {
  for (const { path, name } of artifacts) {
    const hidden = join(path, '..', `.removed-${name}`);
    try {
      await rm(hidden, { recursive: true, force: true });
      await rename(path, hidden);
      await rm(hidden, { recursive: true, force: true });
    } catch (error) {
      throw writeError(error, path);
    }
  }
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
