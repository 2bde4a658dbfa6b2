import { createHash } from 'node:crypto';
import { createReadStream, existsSync, statSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { create, extract } from 'tar';
import { ShieldError, reasonOf } from '../errors/index.js';
import { makeFolder } from '../files/make-folder.js';
import type { SharedStore } from '../plugin/shared-store.js';

/** What a run's directory holds for the process at work on it alone: locks, drafts, reserves. */
export const OWN_BUSINESS = /^(\..*|lock\.json(\.new)?|.*\.sound)$/;

/** `001-<sha256>.tar.gz`: the attempts at one run in their order, each with its own checksum. */
const ARCHIVE = /^(\d+)-([0-9a-f]{64})\.tar\.gz$/;

/**
 * Puts a run's directory, as it is now, where other machines find it: as one archive, whole or not at all.
 *
 * @param path the run's directory
 * @throws EXECUTOR_UNREACHABLE, EXECUTOR_REFUSED, EXECUTOR_UNUSABLE; WRITE_FAILED
 */
export async function publishRun(store: SharedStore, path: string): Promise<void> {
  const id = basename(path);
  const draft = join(path, '..', `.sent-${id}-${process.pid}.tar.gz`);
  try {
    const filter = (name: string) => !OWN_BUSINESS.test(basename(name));
    await create({ gzip: true, portable: true, cwd: join(path, '..'), file: draft, filter }, [id]);
    const last = latest(await store.list(folderOf(id)));
    const number = String((last?.number ?? 0) + 1).padStart(3, '0');
    await store.put(`${folderOf(id)}${number}-${await sha256Of(draft)}.tar.gz`, draft);
  } finally {
    await rm(draft, { force: true });
  }
}

/**
 * Brings a run that another machine carried out into the folder of runs. One that is here as it is there, since the folder
 * is the same or it was brought before, is left alone; what is here of an earlier attempt gives way to the later one.
 *
 * @throws RECORD_CORRUPT for an archive that is not what its name says; EXECUTOR_*
 */
export async function fetchRun(store: SharedStore, id: string, runsFolder: string): Promise<void> {
  const found = latest(await store.list(folderOf(id)));
  if (!found) return;
  await makeFolder(runsFolder);
  const draft = join(runsFolder, `.new-${id}-${process.pid}`);
  const archive = `${draft}.tar.gz`;
  try {
    await store.get(`${folderOf(id)}${found.name}`, archive);
    const reason = (await sha256Of(archive)) === found.sha256 ? undefined : 'its sha256 is not the one in its name';
    if (reason) throw corrupt(store, id, found.name, reason);
    await rm(draft, { recursive: true, force: true });
    await mkdir(draft);
    await extract({ file: archive, cwd: draft }).catch((error: unknown) => {
      throw corrupt(store, id, found.name, reasonOf(error));
    });
    await putInPlace(join(draft, id), join(runsFolder, id));
  } finally {
    await rm(archive, { force: true });
    await rm(draft, { recursive: true, force: true });
  }
}

/** Journals only grow: the longer one tells more of the run. */
async function putInPlace(from: string, to: string): Promise<void> {
  if (existsSync(to)) {
    if (journalBytes(to) >= journalBytes(from)) return;
    await rename(to, `${from}.before`);
  }
  await rename(from, to);
}

function journalBytes(path: string): number {
  return statSync(join(path, 'journal.jsonl'), { throwIfNoEntry: false })?.size ?? 0;
}

function folderOf(id: string): string {
  return `runs/${id}/`;
}

function latest(names: ReadonlyMap<string, number>) {
  const archives = [...names.keys()].flatMap((name) => {
    const [, number, sha256] = ARCHIVE.exec(name) ?? [];
    return sha256 === undefined ? [] : [{ name, number: Number(number), sha256 }];
  });
  return archives.sort((a, b) => a.number - b.number).at(-1);
}

function corrupt(store: SharedStore, id: string, name: string, reason: string): ShieldError {
  return new ShieldError('RECORD_CORRUPT', { path: `${store.name}/${folderOf(id)}${name}`, reason, offset: 0 });
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) hash.update(chunk);
  return hash.digest('hex');
}
