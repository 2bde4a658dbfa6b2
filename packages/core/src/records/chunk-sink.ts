import type { FileHandle } from 'node:fs/promises';

/** So much is left to the system's memory before the disk is asked for it: what is asked last waits for no more. */
const FLUSH = 16 << 20;

/** Writes a file chunk after chunk, each while the next is made, and has the disk take them meanwhile. */
export class ChunkSink {
  #writing: Promise<void> = Promise.resolve();
  #flushing: Promise<void> | undefined;
  #unflushed = 0;

  constructor(private readonly file: FileHandle) {}

  /**
   * Takes a chunk, which is to be left as it is until the next call is done, when the one before has been written.
   *
   * @throws what the system says of the chunks before
   */
  async write(chunk: Uint8Array): Promise<void> {
    await this.#writing;
    if (this.#unflushed >= FLUSH && !this.#flushing) this.#flush();
    this.#unflushed += chunk.length;
    this.#writing = writeAll(this.file, chunk);
    this.#writing.catch(() => undefined); // awaited by the next call, or below
  }

  /** Waits for what is on its way. @throws what the system says */
  async settled(): Promise<void> {
    await Promise.allSettled([this.#writing, this.#flushing]);
    await this.#writing;
    await this.#flushing;
  }

  #flush(): void {
    this.#unflushed = 0;
    const flushing = this.file.datasync().then(() => {
      this.#flushing = undefined;
    });
    // One that failed stays, so that it is told: the system says it once.
    flushing.catch(() => undefined);
    this.#flushing = flushing;
  }
}

/** A write may take a part of what it is given (a full disk, a signal): goes on until all is written or it fails. */
async function writeAll(file: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let start = 0; start < chunk.length;) {
    start += (await file.write(chunk, start, chunk.length - start)).bytesWritten;
  }
}
