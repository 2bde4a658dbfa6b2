import { createRequire } from 'node:module';
import { crc32cByTables } from './crc32c-tables.js';

/*
 * CRC-32C (Castagnoli; RFC 3720 appendix B.4, polynomial 0x1EDC6F41, reflected 0x82F63B78), the checksum of TFRecords,
 * of checkpoints and of the journal: by the processor's own instruction (@node-rs/crc32), or by tables where that
 * package has no binary for the platform.
 */

type Crc32c = (data: Uint8Array, seed?: number) => number;

/** To call out of JavaScript takes as long as the tables need for so many bytes. */
const SHORT = 128;

let forLong: Crc32c | undefined;

/**
 * @param seed the CRC of what stands before `data`, so that long data can be given piece by piece
 * @returns an unsigned 32-bit number
 */
export function crc32c(data: Uint8Array, seed = 0): number {
  if (data.length < SHORT) return crc32cByTables(data, seed);
  forLong ??= hardwareCrc32c() ?? crc32cByTables;
  return forLong(data, seed);
}

/** Undefined where there is no binary for the platform, or it was not installed: binaries are optional packages. */
export function hardwareCrc32c(): Crc32c | undefined {
  try {
    return (createRequire(import.meta.url)('@node-rs/crc32') as { crc32c: Crc32c }).crc32c;
  } catch {
    return undefined;
  }
}

/** The CRC as TFRecord files store it: rotated and offset, so that a CRC of data that holds CRCs is still a good one. */
export function maskedCrc32c(data: Uint8Array): number {
  const crc = crc32c(data);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}
