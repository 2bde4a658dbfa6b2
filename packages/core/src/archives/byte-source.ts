import { open, type FileHandle } from 'node:fs/promises';
import { reasonOf, ShieldError } from '../errors/index.js';

/** Bytes that can be read anywhere: a file, or what was unpacked in memory. */
export interface ByteSource {
  /** Path, for error messages. */
  readonly path: string;
  readonly size: number;
  /** @returns the bytes at `offset`; fewer where the source ends first */
  read(offset: number, length: number): Promise<Buffer>;
}

/** A file that stays open; whoever opens it closes it. */
export class FileBytes implements ByteSource {
  private constructor(
    readonly path: string,
    readonly size: number,
    private readonly file: FileHandle,
  ) {}

  /** @throws ARCHIVE_CORRUPT where it cannot be opened */
  static async open(path: string): Promise<FileBytes> {
    try {
      const file = await open(path, 'r');
      return new FileBytes(path, (await file.stat()).size, file);
    } catch (error) {
      throw new ShieldError('ARCHIVE_CORRUPT', { path, reason: reasonOf(error), offset: 0 }, { cause: error });
    }
  }

  async read(offset: number, length: number): Promise<Buffer> {
    const buffer = Buffer.allocUnsafe(Math.max(0, Math.min(length, this.size - offset)));
    let got = 0;
    while (got < buffer.length) {
      const { bytesRead } = await this.file.read(buffer, got, buffer.length - got, offset + got);
      if (bytesRead === 0) break;
      got += bytesRead;
    }
    return buffer.subarray(0, got);
  }

  close(): Promise<void> {
    return this.file.close();
  }
}

/** Bytes in memory. */
export function memoryBytes(path: string, bytes: Buffer): ByteSource {
  return {
    path,
    size: bytes.length,
    read: (offset, length) => Promise.resolve(bytes.subarray(offset, offset + length)),
  };
}
