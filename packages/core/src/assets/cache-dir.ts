import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { ShieldError, reasonOf } from '../errors/index.js';
import { makeFolder } from '../files/make-folder.js';

/** Where downloads and the built native backend are kept: `$SHIELD_CACHE`, by default `~/.cache/shield`. */
export function cacheDir(): string {
  const { SHIELD_CACHE: named, XDG_CACHE_HOME: caches = '' } = process.env;
  if (named) return resolve(named);
  // An empty or relative one counts as none (XDG Base Directory Specification).
  return join(isAbsolute(caches) ? caches : join(homedir(), '.cache'), 'shield');
}

/**
 * Makes a folder of the cache.
 *
 * @throws CACHE_NOT_WRITABLE
 */
export async function ensureCacheFolder(...parts: readonly string[]): Promise<string> {
  const path = join(cacheDir(), ...parts);
  try {
    await makeFolder(path);
    await access(path, constants.W_OK);
    return path;
  } catch (error) {
    throw new ShieldError('CACHE_NOT_WRITABLE', { path, reason: reasonOf(error) }, { cause: error });
  }
}
