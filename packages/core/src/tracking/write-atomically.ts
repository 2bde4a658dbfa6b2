import { randomInt } from 'node:crypto';
import { rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { writeError } from '../errors/index.js';

/**
 * Readers see the former file or all of the new one, also after a power failure. (write-file-atomic 7 takes a short
 * write, as a disk that is nearly full gives it, for a whole one; `writeFile` goes on until all is written.)
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
    await writeFile(draft, data, { flush: true });
    await beforeRename?.(draft);
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw writeError(error, path);
  }
}
