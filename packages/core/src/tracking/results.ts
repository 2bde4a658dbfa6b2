import { createReadStream } from 'node:fs';
import { open, readFile, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { dirname, extname, join, basename } from 'node:path';
import { createInterface } from 'node:readline';
import { ShieldError, reasonOf, systemCode, writeError } from '../errors/index.js';
import type { Run } from './runs-folder.js';
import { writeAtomically } from '../files/write-atomically.js';

const CHUNK = 1 << 16;

/**
 * Writes per-image.jsonl, one JSON object an image, row by row in bounded memory. The file appears when it is finished;
 * one of an earlier attempt that says something else is kept beside as `per-image.1.jsonl`.
 */
export class PerImageWriter {
  #text = '';
  #rows = 0;

  private constructor(
    private readonly path: string,
    private readonly draft: string,
    private readonly handle: FileHandle,
  ) {}

  /** @throws WRITE_FAILED, DISK_FULL */
  static async create(run: Run): Promise<PerImageWriter> {
    const path = run.files.perImage;
    const draft = join(dirname(path), `.${basename(path)}.${process.pid}`);
    try {
      return new PerImageWriter(path, draft, await open(draft, 'w', 0o644));
    } catch (error) {
      throw writeError(error, path, run.id);
    }
  }

  /** @param row what JSON can hold. @throws WRITE_FAILED, DISK_FULL */
  async write(row: object): Promise<void> {
    this.#text += `${JSON.stringify(row)}\n`;
    this.#rows++;
    if (this.#text.length >= CHUNK) await this.#flush();
  }

  /** @returns the number of rows. @throws WRITE_FAILED, DISK_FULL */
  async finish(): Promise<number> {
    await this.#flush();
    try {
      await this.handle.sync();
      await this.handle.close();
      await keepEarlier(this.path, this.draft);
      await rename(this.draft, this.path);
    } catch (error) {
      await this.discard();
      throw writeError(error, this.path);
    }
    return this.#rows;
  }

  /** Leaves nothing behind. */
  async discard(): Promise<void> {
    await this.handle.close().catch(() => undefined);
    await rm(this.draft, { force: true });
  }

  async #flush(): Promise<void> {
    const text = this.#text;
    this.#text = '';
    try {
      await this.handle.appendFile(text);
    } catch (error) {
      await this.discard();
      throw writeError(error, this.path);
    }
  }
}

/** The rows of per-image.jsonl, streamed. @throws RECORD_CORRUPT with the offset for a damaged line */
export async function* readPerImage(run: Run): AsyncGenerator<unknown, void, undefined> {
  const path = run.files.perImage;
  let offset = 0;
  for await (const line of createInterface({ input: createReadStream(path, 'utf8'), crlfDelay: Infinity })) {
    let row: unknown;
    try {
      row = JSON.parse(line);
    } catch (error) {
      throw new ShieldError('RECORD_CORRUPT', { path, reason: reasonOf(error), offset }, { cause: error });
    }
    yield row;
    offset += Buffer.byteLength(line) + 1;
  }
}

/**
 * Writes metrics.json, whole or not at all; one of an earlier attempt that says something else is kept beside as
 * `metrics.1.json`.
 * @throws WRITE_FAILED, DISK_FULL
 */
export async function writeMetrics(run: Run, metrics: object): Promise<void> {
  const path = run.files.metrics;
  await writeAtomically(path, `${JSON.stringify(metrics, null, 2)}\n`, (draft) => keepEarlier(path, draft));
}

/** Moves the file at `path` to a free numbered name when it is there and differs from the one that is to replace it. */
async function keepEarlier(path: string, next: string): Promise<void> {
  const before = await stat(path).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (!before || (before.size === (await stat(next)).size && (await readFile(path)).equals(await readFile(next))))
    return;
  const extension = extname(path);
  for (let n = 1; ; n++) {
    const kept = `${path.slice(0, -extension.length)}.${n}${extension}`;
    if (await stat(kept).catch(() => undefined)) continue;
    await rename(path, kept);
    return;
  }
}
