import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { readFile, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import pLimit from 'p-limit';
import { ShieldError } from '../errors/index.js';
import { makeFolder } from '../files/make-folder.js';
import type { SharedStore, StoreLease } from '../plugin/shared-store.js';

/** Of a batch's record, what says which file belongs to it. */
interface RecordOfFile {
  readonly file?: { readonly name: string; readonly bytes: number; readonly sha256: string };
}

const RECORD = /^batch-\d+\.json$/;
const AT_ONCE = 8;

/**
 * Brings what is there of an artifact into a folder of artifacts.
 *
 * @throws ARTIFACT_CORRUPT; EXECUTOR_*
 */
export async function fetchArtifact(store: SharedStore, name: string, folder: string): Promise<void> {
  await makeFolder(join(folder, name));
  await new SharedArtifact(store, join(folder, name), name).meet();
}

/**
 * One artifact's folder here, and its twin in a store that other machines share. A batch goes there when it is written,
 * its record last, as here; what comes from there is held to its checksums before it has its name.
 */
export class SharedArtifact {
  /** @param path the folder here @param name the artifact's name, of kind and hash */
  constructor(
    private readonly store: SharedStore,
    private readonly path: string,
    private readonly name: string,
  ) {}

  /**
   * Brings both sides to what either has.
   *
   * @throws ARTIFACT_CORRUPT for what does not fit its checksum; EXECUTOR_*
   */
  async meet(): Promise<void> {
    const there = await this.store.list(this.#at());
    const here = new Set(await readdir(this.path));
    const limit = pLimit(AT_ONCE);
    const missing = [...there.keys()].filter((name) => RECORD.test(name) && !here.has(name));
    await Promise.all(missing.map((name) => limit(() => this.#fetchBatch(name))));
    await this.#putBatches(there);
    if (!here.has('key.json') && there.has('key.json')) await this.#fetchWhole('key.json');
    if (here.has('complete.json')) await this.#put('complete.json');
    else if (there.has('complete.json')) await this.#fetchComplete();
  }

  /** Fetches one batch where it is there and not here. */
  async fetch(index: number): Promise<void> {
    const record = recordName(index);
    if (existsSync(join(this.path, record))) return;
    if ((await this.store.list(this.#at(record))).size > 0) await this.#fetchBatch(record);
  }

  /** A batch was written here. */
  written(index: number): Promise<void> {
    return this.#putBatch(recordName(index));
  }

  /** All batches are here: then there too, those first that another process of this machine is still sending. */
  async finished(): Promise<void> {
    await this.#putBatches(await this.store.list(this.#at()));
    await this.#put('complete.json');
  }

  /** Takes a batch for this process, of all machines. @returns undefined where another is at it */
  lease(index: number): Promise<StoreLease | undefined> {
    return this.store.lease(this.#at(recordName(index)));
  }

  leased(index: number): Promise<boolean> {
    return this.store.leased(this.#at(recordName(index)));
  }

  async #putBatches(there: ReadonlyMap<string, number>): Promise<void> {
    const limit = pLimit(AT_ONCE);
    const unsent = (await readdir(this.path)).filter((name) => RECORD.test(name) && !there.has(name));
    await Promise.all(unsent.map((name) => limit(() => this.#putBatch(name))));
  }

  async #putBatch(record: string): Promise<void> {
    const { file } = parsed(await readFile(join(this.path, record), 'utf8')) ?? {};
    await this.#put('key.json');
    if (file) await this.#put(file.name);
    await this.#put(record);
  }

  #put(name: string): Promise<void> {
    return this.store.put(this.#at(name), join(this.path, name));
  }

  async #fetchBatch(record: string): Promise<void> {
    await this.#fetched(record, async (draft) => {
      const text = await readFile(draft, 'utf8');
      const found = parsed(text);
      if (!found) throw this.#corrupt(record, 'it does not carry its own checksum');
      if (found.file) await this.#fetchFile(found.file);
    });
  }

  async #fetchFile({ name, bytes, sha256 }: NonNullable<RecordOfFile['file']>): Promise<void> {
    await this.#fetched(name, async (draft) => {
      const found = await digestOf(draft);
      if (found.bytes !== bytes) throw this.#corrupt(name, `it has ${found.bytes} bytes, its record says ${bytes}`);
      if (found.sha256 !== sha256)
        throw this.#corrupt(name, `its sha256 is ${found.sha256}, its record says ${sha256}`);
    });
  }

  /** A listing is of no one moment: it may name this file, and not the batches that were put just before. */
  #fetchComplete(): Promise<void> {
    return this.#fetched('complete.json', async (draft) => {
      const batches = /^\{"batches":(\d+)\}\s*$/.exec(await readFile(draft, 'utf8'))?.[1];
      if (batches === undefined) throw this.#corrupt('complete.json', 'it is not readable');
      for (let index = 0; index < Number(batches); index++)
        if (!existsSync(join(this.path, recordName(index)))) await this.#fetchBatch(recordName(index));
    });
  }

  #fetchWhole(name: string): Promise<void> {
    return this.#fetched(name, () => Promise.resolve());
  }

  /** Under a name that nobody reads until it is checked. */
  async #fetched(name: string, check: (draft: string) => Promise<void>): Promise<void> {
    const draft = join(this.path, `.${name}.${process.pid}-${Math.random().toString(36).slice(2)}`);
    try {
      await this.store.get(this.#at(name), draft);
      await check(draft);
      await rename(draft, join(this.path, name));
    } finally {
      await rm(draft, { force: true });
    }
  }

  #at(name?: string): string {
    return `artifacts/${this.name}${name === undefined ? '/' : `/${name}`}`;
  }

  #corrupt(name: string, reason: string): ShieldError {
    return new ShieldError('ARTIFACT_CORRUPT', { path: `${this.store.name}/${this.#at(name)}`, reason });
  }
}

function recordName(index: number): string {
  return `batch-${String(index).padStart(6, '0')}.json`;
}

/** A record that carries its own checksum on its first line; undefined where it does not. */
function parsed(text: string): RecordOfFile | undefined {
  const newline = text.indexOf('\n');
  const body = text.slice(newline + 1);
  const sound = newline > 0 && createHash('sha256').update(body).digest('hex') === text.slice(0, newline);
  return sound ? (JSON.parse(body) as RecordOfFile) : undefined;
}

async function digestOf(path: string): Promise<{ readonly bytes: number; readonly sha256: string }> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return { bytes, sha256: hash.digest('hex') };
}
