import { createHash, randomBytes } from 'node:crypto';
import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createGunzip } from 'node:zlib';
import { reasonOf, ShieldError, writeError } from '../errors/index.js';
import { ChunkReader } from './chunk-reader.js';
import { maskedCrc32c } from './crc32c.js';

/*
 * TFRecord files (tensorflow/core/lib/io/record_writer.h): for each record its length (uint64, little endian), the
 * masked CRC-32C of these eight bytes (uint32), the bytes, and their masked CRC-32C (uint32).
 */

const HEADER = 12;
const FOOTER = 4;
const CHUNK = 1 << 20;
/** Deflate gives at most 1032 bytes for one (zlib's technical notes), which bounds what a gzip file can hold. */
const MOST_EXPANSION = 1032;

/**
 * The records of a file, in order, one in memory at a time; read as fast as they are taken. Gzip files are known by
 * their first bytes.
 *
 * @throws RECORD_CORRUPT with the byte at which the bad record starts (in the unpacked stream of a gzip file): a wrong
 *   checksum, a length beyond the end of the file, a file that ends in a record. The records before it are yielded.
 */
export async function* readRecords(path: string): AsyncGenerator<Uint8Array, void, undefined> {
  const file = await openForReading(path);
  let reader: ChunkReader | undefined;
  try {
    const { size } = await file.stat();
    const packed = await isGzip(file);
    reader = new ChunkReader(bytesOf(file, packed));
    const most = packed ? size * MOST_EXPANSION : size;
    for (;;) {
      const start = reader.offset;
      let record: Uint8Array | undefined;
      try {
        record = await nextRecord(reader, most - start);
      } catch (error) {
        throw new ShieldError('RECORD_CORRUPT', { path, reason: reasonOf(error), offset: start }, { cause: error });
      }
      if (!record) return;
      yield record;
    }
  } finally {
    await reader?.close();
    await file.close();
  }
}

async function openForReading(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r');
  } catch (error) {
    throw new ShieldError('RECORD_CORRUPT', { path, reason: reasonOf(error), offset: 0 }, { cause: error });
  }
}

async function isGzip(file: FileHandle): Promise<boolean> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(2), 0, 2, 0);
  return bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b;
}

function bytesOf(file: FileHandle, packed: boolean): AsyncIterable<Uint8Array> {
  const bytes = file.createReadStream({ start: 0, highWaterMark: CHUNK, autoClose: false });
  if (!packed) return bytes;
  const plain = createGunzip({ chunkSize: CHUNK });
  bytes.on('error', (error) => plain.destroy(error));
  return bytes.pipe(plain);
}

async function nextRecord(reader: ChunkReader, left: number): Promise<Uint8Array | undefined> {
  const header = await reader.take(HEADER);
  if (header.length === 0) return undefined;
  if (header.length < HEADER) throw new Error('the file ends in the head of a record');
  if (uint32(header, 8) !== maskedCrc32c(header.subarray(0, 8))) throw new Error('the checksum of a length is wrong');
  const length = uint32(header, 0) + uint32(header, 4) * 2 ** 32;
  if (length > left - HEADER - FOOTER) throw new Error(`a record of ${length} bytes goes beyond the end of the file`);
  const data = await reader.take(length);
  const footer = await reader.take(FOOTER);
  if (footer.length < FOOTER) throw new Error('the file ends in a record');
  if (uint32(footer, 0) !== maskedCrc32c(data)) throw new Error('the checksum of a record is wrong');
  return data;
}

function uint32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}

/** What was written: the size of the file, and its sha256 as lower-case hex. */
export interface WrittenRecords {
  readonly bytes: number;
  readonly sha256: string;
  readonly records: number;
}

/**
 * Writes records as they come. The file appears under its name when it is whole and on the disk, or not at all.
 *
 * @param records also promises of records, as `encodeImageRecord` gives them
 * @throws DISK_FULL, WRITE_FAILED; what `records` throws comes through as it is
 */
export async function writeRecords(
  path: string,
  records: AsyncIterable<Uint8Array> | Iterable<Uint8Array | Promise<Uint8Array>>,
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
  let bytes = 0;
  let count = 0;
  try {
    for await (const record of records) {
      const parts = frame(record);
      for (const part of parts) {
        hash.update(part);
        bytes += part.length;
      }
      await disk(writeAll(file, parts));
      count++;
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
  return { bytes, sha256: hash.digest('hex'), records: count };
}

function frame(record: Uint8Array): Uint8Array[] {
  const header = Buffer.alloc(HEADER);
  header.writeBigUInt64LE(BigInt(record.length), 0);
  header.writeUInt32LE(maskedCrc32c(header.subarray(0, 8)), 8);
  const footer = Buffer.alloc(FOOTER);
  footer.writeUInt32LE(maskedCrc32c(record), 0);
  return [header, record, footer];
}

/** A write may take a part of what it is given (a full disk, a signal): goes on until all is written or it fails. */
async function writeAll(file: FileHandle, parts: readonly Uint8Array[]): Promise<void> {
  for (const part of parts) {
    for (let start = 0; start < part.length;) {
      start += (await file.write(part, start, part.length - start)).bytesWritten;
    }
  }
}

/** So that the new name survives a power cut; where folders cannot be synced (Windows) there is nothing to do. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r').catch(() => undefined);
  await folder?.sync().catch(() => undefined);
  await folder?.close();
}
