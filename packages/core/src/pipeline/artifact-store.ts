import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { ShieldError, reasonOf, systemCode, writeError } from '../errors/index.js';
import { makeFolder } from '../files/make-folder.js';
import type { SharedStore, StoreLease } from '../plugin/shared-store.js';
import { canonicalJson } from '../spec/canonical.js';
import { RunLock, lockHolder } from '../tracking/run-lock.js';
import { writeAtomically } from '../files/write-atomically.js';
import type { KeptRows } from './kept-rows.js';
import { SharedArtifact } from './shared-artifacts.js';

/** What determines an artifact: anything that can be written as JSON. Its hash is the artifact's name. */
export type ArtifactKey = Readonly<Record<string, unknown>>;

/** One batch of an artifact: rows (one an image) and, for images, a file beside them. */
export interface ArtifactBatch<Row> {
  readonly rows: readonly Row[];
  /** Path of the batch's file, where it has one. */
  readonly file?: string;
  readonly seconds: number;
}

interface BatchRecord<Row> {
  readonly rows: readonly Row[];
  readonly seconds: number;
  readonly file?: { readonly name: string; readonly bytes: number; readonly sha256: string };
}

const LOCK_REFRESH_MS = 10_000;
/**
 * A process that stands still keeps no batch from the others: batches are renamed into place and the same whoever
 * computes them, so that the worst is work done twice.
 */
const SILENT_AFTER_MS = 120_000;

/**
 * What stages leave, in folders named by the hash of all that determines them: computed once, shared by every run
 * that needs the same, never overwritten. A batch exists when its record has been renamed into place; what a killed
 * run left half written is not seen. Each batch is computed by whoever takes it first, so that several processes, of one
 * run or of many, fill one artifact together.
 */
export class ArtifactStore {
  /**
   * @param opened hears of every artifact that is opened: a run refers to what it only reads, too
   * @param store what other machines have, or are to have, of the artifacts
   * @param kept what was read of them by others in this process
   */
  constructor(
    readonly root: string,
    private readonly opened: (artifact: Artifact<unknown>) => Promise<void> = () => Promise.resolve(),
    private readonly store?: SharedStore,
    private readonly kept?: KeptRows,
  ) {}

  path(kind: string, key: ArtifactKey): string {
    return join(this.root, `${kind}-${keyHash(key)}`);
  }

  /** Opens for reading, and for writing what is missing. */
  async open<Row>(kind: string, key: ArtifactKey): Promise<Artifact<Row>> {
    return (await this.openAll<Row>(kind, [key]))[0]!;
  }

  /** As {@link open}, of several: they go on record together. */
  async openAll<Row>(kind: string, keys: readonly ArtifactKey[]): Promise<Artifact<Row>[]> {
    const artifacts: Artifact<Row>[] = [];
    for (const key of keys) artifacts.push(await this.#open(kind, key));
    await Promise.all(artifacts.map((artifact) => this.opened(artifact as Artifact<unknown>)));
    return artifacts;
  }

  async #open<Row>(kind: string, key: ArtifactKey): Promise<Artifact<Row>> {
    const path = this.path(kind, key);
    try {
      const keyFile = join(path, 'key.json');
      if (!existsSync(keyFile)) {
        await makeFolder(path);
        await writeAtomically(keyFile, `${JSON.stringify(key, null, 2)}\n`);
      }
    } catch (error) {
      throw writeError(error, path);
    }
    const shared = this.store && new SharedArtifact(this.store, path, basename(path));
    await shared?.meet();
    return new Artifact<Row>(path, kind, keyHash(key), shared, this.kept);
  }
}

/** The first 20 hex digits of the sha256 of the key's canonical JSON. */
export function keyHash(key: ArtifactKey): string {
  return createHash('sha256').update(canonicalJson(key)).digest('hex').slice(0, 20);
}

export class Artifact<Row> {
  constructor(
    readonly path: string,
    readonly kind: string,
    readonly hash: string,
    private readonly shared?: SharedArtifact,
    private readonly kept?: KeptRows,
  ) {}

  get name(): string {
    return `${this.kind}-${this.hash}`;
  }

  /**
   * The number of batches when all are there, else undefined.
   *
   * @throws ARTIFACT_CORRUPT
   */
  async complete(): Promise<{ readonly batches: number } | undefined> {
    const text = readIfThere(join(this.path, 'complete.json'));
    if (text === undefined) return undefined;
    const batches = /^\{"batches":(\d+)\}\s*$/.exec(text)?.[1];
    if (batches === undefined) {
      throw new ShieldError('ARTIFACT_CORRUPT', { path: this.path, reason: 'complete.json is not readable' });
    }
    return { batches: Number(batches) };
  }

  has(index: number): boolean {
    return existsSync(this.#record(index));
  }

  /** @throws ARTIFACT_CORRUPT when the record does not carry its own checksum */
  read(index: number): Promise<ArtifactBatch<Row>> {
    return new Promise((resolve) => resolve(this.#read(index)));
  }

  #read(index: number): ArtifactBatch<Row> {
    const path = this.#record(index);
    const known = this.kept?.get(path) as ArtifactBatch<Row> | undefined;
    if (known) return known;
    let text: string;
    try {
      text = readFileSync(path, 'utf8');
    } catch (error) {
      throw new ShieldError('ARTIFACT_CORRUPT', { path: this.path, reason: reasonOf(error) }, { cause: error });
    }
    const newline = text.indexOf('\n');
    const body = text.slice(newline + 1);
    if (newline < 0 || sha256(body) !== text.slice(0, newline)) {
      throw new ShieldError('ARTIFACT_CORRUPT', { path: this.path, reason: `the checksum of batch ${index} is wrong` });
    }
    const record = JSON.parse(body) as BatchRecord<Row>;
    const { rows, seconds } = record;
    const batch = { rows, seconds, ...(record.file ? { file: join(this.path, record.file.name) } : {}) };
    this.kept?.add(path, batch, body.length);
    return batch;
  }

  /**
   * Adds a batch. `write` makes the batch's file at the path it is given and says its size and sha256; the record is
   * renamed into place last.
   */
  async write(
    index: number,
    rows: readonly Row[],
    seconds: number,
    write?: (path: string) => Promise<{ bytes: number; sha256: string }>,
  ): Promise<void> {
    try {
      let file: BatchRecord<Row>['file'];
      if (write) {
        const name = `${batchName(index)}.tfrecord`;
        file = { name, ...(await write(join(this.path, name))) };
      }
      const body = `${JSON.stringify({ seconds, ...(file ? { file } : {}), rows })}\n`;
      await writeAtomically(this.#record(index), `${sha256(body)}\n${body}`);
    } catch (error) {
      throw writeError(error, this.path);
    }
    await this.shared?.written(index);
  }

  async finish(batches: number): Promise<void> {
    try {
      await writeAtomically(join(this.path, 'complete.json'), `${JSON.stringify({ batches })}\n`);
    } catch (error) {
      throw writeError(error, this.path);
    }
    await this.shared?.finished();
  }

  /** Every batch in order. */
  async *batches(): AsyncGenerator<ArtifactBatch<Row>> {
    const complete = await this.complete();
    for (let index = 0; complete ? index < complete.batches : this.has(index); index++) yield await this.read(index);
  }

  /**
   * Takes a batch for this process to compute; whoever wants the same artifact computes others meanwhile.
   *
   * @returns undefined where a living process is at it
   */
  async claim(index: number): Promise<BatchClaim | undefined> {
    let claim: BatchClaim;
    try {
      claim = new BatchClaim(
        await RunLock.acquire(this.path, { silentAfterMs: SILENT_AFTER_MS, file: claimName(index) }),
      );
    } catch (error) {
      if (error instanceof ShieldError && error.code === 'RUN_LOCKED') return undefined;
      throw error;
    }
    try {
      if (!this.shared || (await this.#claimEverywhere(this.shared, index, claim))) return claim;
    } catch (error) {
      claim.release();
      throw error;
    }
    claim.release();
    return undefined;
  }

  /** Among all machines; what another one has finished is here afterwards. @returns false where one is at it */
  async #claimEverywhere(shared: SharedArtifact, index: number, claim: BatchClaim): Promise<boolean> {
    const lease = await shared.lease(index);
    if (!lease) return false;
    claim.with(lease);
    await shared.fetch(index);
    return true;
  }

  /** Whether somebody took the batch, who may be gone since. */
  claimed(index: number): boolean {
    return existsSync(join(this.path, claimName(index)));
  }

  /** Whether a living process is at the batch. */
  async isHeld(index: number): Promise<boolean> {
    const options = { silentAfterMs: SILENT_AFTER_MS, file: claimName(index) };
    return (await lockHolder(this.path, options)) !== undefined || ((await this.shared?.leased(index)) ?? false);
  }

  #record(index: number): string {
    return join(this.path, `${batchName(index)}.json`);
  }
}

/** A batch that this process computes, until it is released. A process that ends leaves its claims to the others. */
export class BatchClaim {
  readonly #alive: NodeJS.Timeout;
  #lease: StoreLease | undefined;

  constructor(private readonly lock: RunLock) {
    this.#alive = setInterval(() => lock.refresh(), LOCK_REFRESH_MS).unref();
  }

  /** Adds what keeps the batch from other machines. */
  with(lease: StoreLease): void {
    this.#lease = lease;
  }

  release(): void {
    clearInterval(this.#alive);
    this.lock.release();
    // One that cannot be given up lapses.
    void this.#lease?.release();
  }
}

function claimName(index: number): string {
  return `${batchName(index)}.lock`;
}

function batchName(index: number): string {
  return `batch-${String(index).padStart(6, '0')}`;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** At once, as `has` looks: four trips through the thread pool take longer than so small a file. */
function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
