import { randomInt } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { systemCode, writeError } from '../errors/index.js';
import { makeFolder } from '../files/make-folder.js';
import { Journal } from './journal.js';
import type { CollectedProvenance } from './provenance.js';
import { writeFlushed, writeParts } from '../files/write-atomically.js';
import { openRun, type Run, type RunRecord } from './runs-folder.js';

/** A file's text, or its parts: of a very large file. */
export type FileText = string | (() => Iterable<string>);

export interface NewRun {
  /** The spec's name; becomes part of the directory's. */
  readonly name: string;
  /** The spec as the person wrote it, byte for byte. */
  readonly specText: string;
  /** The resolved spec as YAML. */
  readonly resolvedText: FileText;
  /** Hash of the resolved spec. */
  readonly hash: string;
  readonly provenance: CollectedProvenance;
  /** Without secrets: see `withoutSecrets`. */
  readonly commandLine: readonly string[];
  readonly kind?: 'sweep';
  /** Of a sweep: how many it has. */
  readonly cells?: number;
  /** The sweep that it is a cell of. */
  readonly cellOf?: CellOf;
  /** Id of the run that it runs again. */
  readonly reproduces?: string;
  /** Files that are there from the beginning, by name. */
  readonly files?: Readonly<Record<string, FileText>>;
  /** Ends the making of it; nothing is left then. */
  readonly signal?: AbortSignal;
}

/** A cell's place: the id of the sweep's run, and the cell's number in it, from 1. */
export interface CellOf {
  readonly sweep: string;
  readonly cell: number;
}

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';

/**
 * Makes the directory of a new run, in the state QUEUED: `<UTC time>-<name>-<6 random characters>` with spec.yaml,
 * resolved.yaml, provenance.json, run.json and journal.jsonl (and dirty.diff where the checkout was changed). All of it
 * appears at once, by a rename, on the disk; nothing that is there is ever overwritten.
 *
 * @throws WRITE_FAILED, DISK_FULL, the reason of its signal: then no trace is left
 */
export async function createRun(runsDir: string, run: NewRun): Promise<Run> {
  const folder = resolve(runsDir);
  let draft: string | undefined;
  try {
    await makeFolder(folder);
    draft = join(folder, `.new-${suffix()}${suffix()}`);
    await mkdir(draft);
    const createdAt = new Date();
    for (;;) {
      const id = `${stamp(createdAt)}-${slug(run.name)}-${suffix()}`;
      await fill(draft, id, createdAt, run);
      try {
        // Renaming to a run's directory fails, as it is never empty.
        await rename(draft, join(folder, id));
      } catch (error) {
        if (!['ENOTEMPTY', 'EEXIST', 'EPERM'].includes(systemCode(error) ?? '')) throw error;
        await rm(join(draft, 'journal.jsonl'));
        continue;
      }
      await flushFolder(folder);
      return await openRun(join(folder, id));
    }
  } catch (error) {
    if (draft) await rm(draft, { recursive: true, force: true });
    run.signal?.throwIfAborted();
    throw writeError(error, folder, run.name);
  }
}

async function fill(draft: string, id: string, createdAt: Date, run: NewRun): Promise<void> {
  const record: RunRecord = {
    format: 1,
    id,
    name: run.name,
    hash: run.hash,
    createdAt: createdAt.toISOString(),
    commandLine: run.commandLine,
    ...(run.kind === undefined ? {} : { kind: run.kind }),
    ...(run.cells === undefined ? {} : { cells: run.cells }),
    ...run.cellOf,
    ...(run.reproduces === undefined ? {} : { reproduces: run.reproduces }),
  };
  const json = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;
  const files: Record<string, FileText> = {
    'spec.yaml': run.specText,
    'resolved.yaml': run.resolvedText,
    'provenance.json': json(run.provenance.record),
    ...run.provenance.files,
    ...run.files,
    'run.json': json(record),
  };
  // At once: the disk writes them together, and none is a run before the draft is renamed.
  const written = Object.entries(files).map(([name, text]) => {
    const path = join(draft, basename(name));
    return typeof text === 'string' ? writeFlushed(path, text) : writeParts(path, text(), run.signal);
  });
  const results = await Promise.allSettled([
    ...written,
    Journal.begin(join(draft, 'journal.jsonl'), { type: 'state', state: 'QUEUED' }),
  ]);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
  await flushFolder(draft);
}

/** So that the names in a folder survive a power failure too. */
async function flushFolder(path: string): Promise<void> {
  const handle = await open(path, 'r').catch(() => undefined);
  // Some file systems cannot flush a folder; they need not be told.
  await handle?.sync().catch(() => undefined);
  await handle?.close();
}

/** 2026-01-31T12:34:56.789Z → 20260131-123456 */
function stamp(time: Date): string {
  return time.toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-');
}

/** What every file system, shell and URL takes as it is. */
function slug(name: string): string {
  const plain = name
    .normalize('NFKD')
    .replaceAll(/\p{M}/gu, '')
    .replaceAll(/[^\w.-]+/g, '-')
    .replaceAll(/^[-.]+|[-.]+$/g, '')
    .slice(0, 60);
  return plain || 'run';
}

function suffix(): string {
  return Array.from({ length: 6 }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
}
