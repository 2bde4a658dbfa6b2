import { open, type FileHandle } from 'node:fs/promises';
import { ShieldError, reasonOf } from '../../errors/index.js';

const EXPECTED = 'give a whole checkpoint as TensorFlow wrote it; if it was downloaded, fetch it again';

/** WEIGHTS_INVALID for a checkpoint that is damaged. */
export function checkpointFault(path: string, reason: string, offset?: number, cause?: unknown): ShieldError {
  const where = offset === undefined ? '' : ` at byte ${offset}`;
  return new ShieldError('WEIGHTS_INVALID', { path, reason: `${reason}${where}`, expected: EXPECTED }, { cause });
}

/** A file read in pieces, each wherever it stands. */
export class CheckpointFile {
  readonly #handle: FileHandle;

  private constructor(
    readonly path: string,
    readonly size: number,
    handle: FileHandle,
  ) {
    this.#handle = handle;
  }

  /** @throws WEIGHTS_INVALID where it is not there or may not be read */
  static async open(path: string): Promise<CheckpointFile> {
    try {
      const handle = await open(path, 'r');
      const stats = await handle.stat();
      if (stats.isFile()) return new CheckpointFile(path, stats.size, handle);
      await handle.close();
    } catch (error) {
      throw checkpointFault(path, reasonOf(error), undefined, error);
    }
    throw checkpointFault(path, 'it is not a file');
  }

  /**
   * Bytes `offset` … `offset + length`. What asks for more than the file holds is refused before memory is taken.
   *
   * @param into where to put them when it is long enough; else they get an array of their own
   * @throws WEIGHTS_INVALID
   */
  async read(
    offset: number,
    length: number,
    what: string,
    into?: Uint8Array<ArrayBuffer>,
  ): Promise<Uint8Array<ArrayBuffer>> {
    if (offset + length > this.size) {
      throw checkpointFault(this.path, `${what} (${length} bytes) would end beyond the file's ${this.size}`, offset);
    }
    const out = into && into.length >= length ? into.subarray(0, length) : new Uint8Array(length);
    let done = 0;
    while (done < length) {
      let bytesRead: number;
      try {
        ({ bytesRead } = await this.#handle.read(out, done, length - done, offset + done));
      } catch (error) {
        throw checkpointFault(this.path, reasonOf(error), offset + done, error);
      }
      if (bytesRead === 0) throw checkpointFault(this.path, `the file ends within ${what}`, offset + done);
      done += bytesRead;
    }
    return out;
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}
