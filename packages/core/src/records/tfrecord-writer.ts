import { createHash, randomBytes } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Readable } from 'node:stream';
import { createDeflate, createGzip } from 'node:zlib';
import { writeError } from '../errors/index.js';
import { ChunkSink } from './chunk-sink.js';
import { maskedCrc32c } from './crc32c.js';
import { FOOTER, HEADER } from './framing.js';

/** What goes to the disk at a time. */
const CHUNK = 1 << 20;

/** What was written. */
export interface WrittenRecords {
  /** Of the file. */
  readonly bytes: number;
  readonly records: number;
}

export interface DigestedRecords extends WrittenRecords {
  /** Of the file, as lower-case hex. */
  readonly sha256: string;
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
 * @param options sha256: of the file, found while it is written; leave it where nobody asks for it, since it takes
 *   longer than all else
 * @throws DISK_FULL, WRITE_FAILED; what `records` throws comes through as it is
 */
export async function writeRecords(
  path: string,
  records: Records,
  options: WriteOptions & { readonly sha256: true },
): Promise<DigestedRecords>;
export async function writeRecords(path: string, records: Records, options?: WriteOptions): Promise<WrittenRecords>;
export async function writeRecords(
  path: string,
  records: Records,
  { compression = 'none', sha256 = false }: WriteOptions & { readonly sha256?: boolean } = {},
): Promise<WrittenRecords | DigestedRecords> {
  const temporary = `${path}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`;
  const disk = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      throw writeError(error, path);
    }
  };
  const file = await disk(open(temporary, 'wx'));
  const hash = sha256 ? createHash('sha256') : undefined;
  const count = { records: 0 };
  let bytes = 0;
  try {
    const sink = new ChunkSink(file);
    try {
      for await (const chunk of packed(records, count, compression)) {
        hash?.update(chunk);
        bytes += chunk.length;
        await disk(sink.write(chunk));
      }
    } finally {
      await disk(sink.settled());
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
  return { bytes, records: count.records, ...(hash && { sha256: hash.digest('hex') }) };
}

/** The records in their frames, put one after the other into chunks of memory. */
async function* frames(
  records: Records,
  count: { records: number },
  room: () => Uint8Array,
): AsyncGenerator<Uint8Array> {
  const header = Buffer.alloc(HEADER);
  const footer = Buffer.alloc(FOOTER);
  let chunk = room();
  let filled = 0;
  for await (const record of records) {
    count.records++;
    header.writeBigUInt64LE(BigInt(record.length), 0);
    header.writeUInt32LE(maskedCrc32c(header.subarray(0, 8)), 8);
    footer.writeUInt32LE(maskedCrc32c(record), 0);
    for (const part of [header, record, footer]) {
      for (let start = 0; start < part.length;) {
        const taken = Math.min(part.length - start, chunk.length - filled);
        chunk.set(part.subarray(start, start + taken), filled);
        start += taken;
        filled += taken;
        if (filled < chunk.length) continue;
        yield chunk;
        [chunk, filled] = [room(), 0];
      }
    }
  }
  if (filled > 0) yield chunk.subarray(0, filled);
}

function packed(
  records: Records,
  count: { records: number },
  compression: 'none' | 'gzip' | 'zlib',
): AsyncIterable<Uint8Array> {
  const fresh = () => Buffer.allocUnsafeSlow(CHUNK);
  if (compression === 'none') {
    // By turns: new memory for every chunk takes longer than to fill it.
    const turns: Uint8Array[] = [];
    return frames(records, count, () => {
      turns.push(turns.length < 2 ? fresh() : turns.shift()!);
      return turns.at(-1)!;
    });
  }
  // The packer says nowhere when it is done with a chunk.
  const source = Readable.from(frames(records, count, fresh));
  const packer = compression === 'gzip' ? createGzip() : createDeflate();
  source.on('error', (error) => packer.destroy(error));
  return source.pipe(packer);
}

/** So that the new name survives a power cut; where folders cannot be synced (Windows) there is nothing to do. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r').catch(() => undefined);
  await folder?.sync().catch(() => undefined);
  await folder?.close();
}
