import { randomInt } from 'node:crypto';
import { closeSync, fsync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { promisify } from 'node:util';
import { writeError } from '../errors/index.js';

/**
 * Readers see the former file or all of the new one, also after a power failure. (write-file-atomic 7 takes a short
 * write, as a disk that is nearly full gives it, for a whole one; `writeFileSync` goes on until all is written.)
 *
 * @param beforeRename is given the path of the new file, whole and on the disk, before it takes its place
 * @throws DISK_FULL, WRITE_FAILED: then the former file stands
 */
export async function writeAtomically(
  path: string,
  data: string | Uint8Array,
  beforeRename?: (draft: string) => Promise<void>,
): Promise<void> {
  const draft = join(dirname(path), `.${basename(path)}.${process.pid}-${randomInt(2 ** 32)}`);
  try {
    await writeFlushed(draft, data);
    await beforeRename?.(draft);
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw writeError(error, path);
  }
}

const flush = promisify(fsync);

/** Writes a large file part by part, others having their turn between them. @throws the reason of `signal` */
export async function writeParts(path: string, parts: Iterable<string>, signal?: AbortSignal): Promise<void> {
  const file = openSync(path, 'w');
  try {
    for (const part of parts) {
      writeFileSync(file, part);
      await turn();
      signal?.throwIfAborted();
    }
    await flush(file);
  } finally {
    closeSync(file);
  }
}

/**
 * Writes a small file, and resolves when it is on the disk. Only for that it is waited for elsewhere: the other steps take
 * less of a processor than their way through the thread pool would.
 */
export async function writeFlushed(path: string, data: string | Uint8Array): Promise<void> {
  const file = openSync(path, 'w');
  try {
    writeFileSync(file, data);
    await flush(file);
  } finally {
    closeSync(file);
  }
}
