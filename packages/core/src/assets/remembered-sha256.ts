import { createHash } from 'node:crypto';
import { readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { stampOf, statOf } from '../files/file-stamp.js';
import { writeAtomically } from '../files/write-atomically.js';
import { backgroundSha256 } from './background-sha256.js';
import { cacheDir, ensureCacheFolder } from './cache-dir.js';

/**
 * A file that was changed twice within one tick of its file system's clock shows the times of the first change; the
 * slowest clock, FAT's, ticks every two seconds. What was changed so lately is not remembered, as git does it
 * (Documentation/technical/racy-git.txt).
 */
const SETTLED_MS = 3000;

interface Remembered {
  readonly path: string;
  readonly stamp: string;
  readonly sha256: string;
}

/**
 * The sha256 of a file, in hex, as {@link backgroundSha256} computes it: once, for as long as the file stands as it was
 * (device, inode, size, times of the last write and of the last change of any kind), for all processes of a user. Only for
 * files with checksums of their own, which are verified as they are read: what a disk loses without a trace, those show.
 *
 * @throws Error where the file cannot be read
 */
export async function rememberedSha256(path: string): Promise<string> {
  const before = statOf(path);
  if (!before) return backgroundSha256(path);
  const stamp = stampOf(before);
  const name = realpathSync(path);
  // Of machines that share a home, each has device numbers of its own.
  const key = createHash('sha256').update(`${before.dev} ${name}`).digest('hex').slice(0, 32);
  const known = recall(join(cacheDir(), 'sums', `${key}.json`));
  if (known.stamp === stamp && known.path === name && known.sha256) return known.sha256;
  const settled = Date.now() - Number(before.ctimeMs) > SETTLED_MS;
  const sha256 = await backgroundSha256(path);
  if (settled && stampOf(statOf(path)) === stamp) await remember(`${key}.json`, { path: name, stamp, sha256 });
  return sha256;
}

function recall(file: string): Partial<Remembered> {
  try {
    return (JSON.parse(readFileSync(file, 'utf8')) ?? {}) as Partial<Remembered>;
  } catch {
    return {};
  }
}

/** A cache that nobody can write to costs time and nothing else. */
async function remember(file: string, what: Remembered): Promise<void> {
  try {
    await writeAtomically(join(await ensureCacheFolder('sums'), file), `${JSON.stringify(what)}\n`);
  } catch {
    // computed again next time
  }
}
