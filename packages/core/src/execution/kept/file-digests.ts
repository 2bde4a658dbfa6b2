import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { fileStamp } from '../../files/file-stamp.js';

/** The sha256 of files, computed once for as long as they stand as they were. */
export class FileDigests {
  readonly #known = new Map<string, { readonly stamp: string; readonly sha256: string }>();

  /** @returns undefined where the file cannot be read any more, or the signal says to stop */
  async of(path: string, signal: AbortSignal): Promise<string | undefined> {
    const stamp = fileStamp(path);
    const known = this.#known.get(path);
    if (known?.stamp === stamp) return known.sha256;
    const sha256 = await digestOf(path, signal);
    // One that was written meanwhile is something in between.
    if (sha256 !== undefined && fileStamp(path) === stamp) this.#known.set(path, { stamp, sha256 });
    return sha256;
  }
}

async function digestOf(path: string, signal: AbortSignal): Promise<string | undefined> {
  const hash = createHash('sha256');
  try {
    for await (const chunk of createReadStream(path, { signal, highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>)
      hash.update(chunk);
    return hash.digest('hex');
  } catch {
    return undefined;
  }
}
