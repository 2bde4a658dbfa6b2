import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { systemCode } from '../errors/index.js';

/**
 * Makes a folder and those above it that are missing. Node's own `mkdir({ recursive: true })` never returns below a
 * file system that takes no folders, such as /proc (seen with Node 20): there ENOENT stands for "not allowed", and it
 * goes on making the parent, which is there already.
 *
 * @throws what the system says: EACCES, EROFS, ENOSPC, ENOTDIR, ENOENT where the parent is there all the same
 */
export async function makeFolder(path: string): Promise<void> {
  try {
    await makeOne(path);
  } catch (error) {
    const parent = dirname(path);
    if (systemCode(error) !== 'ENOENT' || parent === path) throw error;
    await makeFolder(parent);
    await makeOne(path);
  }
}

async function makeOne(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    const there = systemCode(error) === 'EEXIST' && (await stat(path).catch(() => undefined))?.isDirectory();
    if (!there) throw error;
  }
}
