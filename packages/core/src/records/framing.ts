import type { FileHandle } from 'node:fs/promises';
import { open } from 'node:fs/promises';
import { reasonOf, ShieldError } from '../errors/index.js';
import { maskedCrc32c } from './crc32c.js';

/*
 * TFRecord files (tensorflow/core/lib/io/record_writer.h): for each record its length (uint64, little endian), the
 * masked CRC-32C of these eight bytes (uint32), the bytes, and their masked CRC-32C (uint32). The whole may be packed
 * by gzip or zlib (tensorflow/core/lib/io/record_reader.h, compression_type).
 */

export const HEADER = 12;
export const FOOTER = 4;
/** Deflate gives at most 1032 bytes for one (zlib's technical notes), which bounds what a packed file can hold. */
export const MOST_EXPANSION = 1032;
/** Longer records are refused, so that a bomb cannot fill the memory: 512 MiB is a float32 image of 44 megapixels. */
const MOST_RECORD = 2 ** 29;

export type Packing = 'none' | 'gzip' | 'zlib';

/**
 * How a file is packed, by its first bytes. A plain file whose first length begins like a gzip or zlib header is known
 * by the checksum of that length.
 */
export function packingOf(head: Uint8Array): Packing {
  if (head.length >= HEADER && uint32(head, 8) === maskedCrc32c(head.subarray(0, 8))) return 'none';
  if (head[0] === 0x1f && head[1] === 0x8b) return 'gzip';
  // RFC 1950: deflate with a window of up to 32 KiB, and a head that is a multiple of 31.
  const zlib = head.length >= 2 && (head[0]! & 0x8f) === 0x08 && (head[0]! * 256 + head[1]!) % 31 === 0;
  return zlib ? 'zlib' : 'none';
}

/**
 * The length that stands in the head of a record.
 *
 * @param left bytes of the file from the head on, which no record can go beyond
 * @throws Error saying what is wrong
 */
export function lengthIn(header: Uint8Array, left: number): number {
  if (header.length < HEADER) throw new Error('the file ends in the head of a record');
  if (uint32(header, 8) !== maskedCrc32c(header.subarray(0, 8))) throw new Error('the checksum of a length is wrong');
  const length = uint32(header, 0) + uint32(header, 4) * 2 ** 32;
  if (length > left - HEADER - FOOTER) throw new Error(`a record of ${length} bytes goes beyond the end of the file`);
  if (length > MOST_RECORD) throw new Error(`a record of ${length} bytes is too long`);
  return length;
}

/** @throws Error where the bytes are not those that were written */
export function checkData(data: Uint8Array, footer: Uint8Array): void {
  if (footer.length < FOOTER) throw new Error('the file ends in a record');
  if (uint32(footer, 0) !== maskedCrc32c(data)) throw new Error('the checksum of a record is wrong');
}

export function uint32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}

/** @throws RECORD_CORRUPT saying what the system said */
export async function openForReading(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r');
  } catch (error) {
    throw corrupt(path, 0, error);
  }
}

/** Up to `length` bytes at `position`; fewer where the file ends first. */
export async function readAt(file: FileHandle, position: number, length: number): Promise<Uint8Array> {
  const buffer = Buffer.allocUnsafe(length);
  let got = 0;
  while (got < length) {
    const { bytesRead } = await file.read(buffer, got, length - got, position + got);
    if (bytesRead === 0) break;
    got += bytesRead;
  }
  return buffer.subarray(0, got);
}

export function corrupt(path: string, offset: number, error: unknown): ShieldError {
  if (error instanceof ShieldError) return error;
  return new ShieldError('RECORD_CORRUPT', { path, reason: reasonOf(error), offset }, { cause: error });
}
