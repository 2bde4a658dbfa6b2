import { createHash, randomBytes } from 'node:crypto';
import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Readable } from 'node:stream';
import { createDeflate, createGzip } from 'node:zlib';
import { writeError } from '../errors/index.js';
import { maskedCrc32c } from './crc32c.js';
import { FOOTER, HEADER } from './framing.js';

/** Frames are gathered up to this before they go to the disk. */
const GATHERED = 1 << 20;

/** What was written: the size of the file, and its sha256 as lower-case hex. */
export interface WrittenRecords {
  readonly bytes: number;
  readonly sha256: string;
  readonly records: number;
}

export interface WriteOptions {
  /** As TensorFlow's `TFRecordOptions("GZIP")` and `("ZLIB")`; default none. */
  readonly compression?: 'none' | 'gzip' | 'zlib';
}

type Records = AsyncIterable<Uint8Array> | Iterable<Uint8Array | Promise<Uint8Array>>;

/**
 * Writes records as they come, no faster than the disk takes them. The file appears under its name when it is whole
 * and on the disk, or not at all.
 *
 * @param records also promises of records, as `encodeImageRecord` gives them
 * @throws DISK_FULL, WRITE_FAILED; what `records` throws comes through as it is
 */
export async function writeRecords(
  path: string,
  records: Records,
  { compression = 'none' }: WriteOptions = {},
): Promise<WrittenRecords> {
  const temporary = `${path}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`;
  const disk = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      throw writeError(error, path);
    }
  };
  const file = await disk(open(temporary, 'wx'));
  const hash = createHash('sha256');
  const count = { records: 0 };
  let bytes = 0;
  try {
    // One chunk goes to the disk while the next is made.
    let writing: Promise<void> = Promise.resolve();
    try {
      for await (const chunk of packed(frames(records, count), compression)) {
        hash.update(chunk);
        bytes += chunk.length;
        await writing;
        writing = disk(writeAll(file, chunk));
        writing.catch(() => undefined); // awaited above, or below
      }
    } finally {
      await writing;
    }
    await disk(file.sync());
    await file.close();
    await disk(rename(temporary, path));
  } catch (error) {
    await file.close().catch(() => undefined);
    await rm(temporary, { force: true }).catch(() => undefined);
    throw error;
  }
  await syncFolder(dirname(path));
  return { bytes, sha256: hash.digest('hex'), records: count.records };
}

/** The records in their frames, small ones gathered. */
async function* frames(records: Records, count: { records: number }): AsyncGenerator<Uint8Array> {
  let parts: Uint8Array[] = [];
  let size = 0;
  for await (const record of records) {
    count.records++;
    parts.push(...frame(record));
    size += HEADER + record.length + FOOTER;
    if (size < GATHERED) continue;
    yield Buffer.concat(parts, size);
    [parts, size] = [[], 0];
  }
  if (size > 0) yield Buffer.concat(parts, size);
}

function packed(chunks: AsyncGenerator<Uint8Array>, compression: 'none' | 'gzip' | 'zlib'): AsyncIterable<Uint8Array> {
  if (compression === 'none') return chunks;
  const source = Readable.from(chunks);
  const packer = compression === 'gzip' ? createGzip() : createDeflate();
  source.on('error', (error) => packer.destroy(error));
  return source.pipe(packer);
}

/** One record as it stands in a file: its length, the bytes, and the checksums of both. */
export function frame(record: Uint8Array): Uint8Array[] {
  const header = Buffer.alloc(HEADER);
  header.writeBigUInt64LE(BigInt(record.length), 0);
  header.writeUInt32LE(maskedCrc32c(header.subarray(0, 8)), 8);
  const footer = Buffer.alloc(FOOTER);
  footer.writeUInt32LE(maskedCrc32c(record), 0);
  return [header, record, footer];
}

/** A write may take a part of what it is given (a full disk, a signal): goes on until all is written or it fails. */
async function writeAll(file: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let start = 0; start < chunk.length;) {
    start += (await file.write(chunk, start, chunk.length - start)).bytesWritten;
  }
}

/** So that the new name survives a power cut; where folders cannot be synced (Windows) there is nothing to do. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r').catch(() => undefined);
  await folder?.sync().catch(() => undefined);
  await folder?.close();
}
