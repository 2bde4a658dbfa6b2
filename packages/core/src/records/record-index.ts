import type { FileHandle } from 'node:fs/promises';
import { basename } from 'node:path';
import { maskedCrc32c } from './crc32c.js';
import { ExampleWindow } from './example-window.js';
import { corrupt, FOOTER, HEADER, lengthIn, openForReading, packingOf, readAt, uint32 } from './framing.js';
import { decodeExample } from './example.js';
import { labelOf, nameOf } from './image-record.js';
import { scanRecords } from './tfrecord.js';

/** Where a record stands and what it is, known without reading its pixels. */
export interface IndexedRecord {
  readonly path: string;
  /** Byte at which it starts (in the unpacked stream of a packed file). */
  readonly offset: number;
  /** Whether the file is packed by gzip or zlib. */
  readonly packed: boolean;
  /** Of the Example, in bytes. */
  readonly length: number;
  /** Its masked CRC-32C as the file has it. */
  readonly crc: number;
  /** image/filename; where there is none, the file's name and the offset. */
  readonly id: string;
  /** image/class/label as written. */
  readonly label: number;
}

/**
 * The records of a file, in order, with their names and labels. Of a plain file only the heads and those two features
 * are read, so that 50,000 photos are listed in about a second; the bytes themselves are checked when they are loaded.
 * A packed file is unpacked and checked as it goes.
 *
 * @throws RECORD_CORRUPT for a damaged head, an Example that is none, or one without a label
 */
export async function* indexRecords(path: string): AsyncGenerator<IndexedRecord, void, undefined> {
  const file = await openForReading(path);
  try {
    const { size } = await file.stat();
    const head = await readAt(file, 0, HEADER).catch((error) => Promise.reject(corrupt(path, 0, error)));
    if (packingOf(head) === 'none') yield* plainIndex(file, path, size);
    else yield* packedIndex(path);
  } finally {
    await file.close();
  }
}

async function* plainIndex(file: FileHandle, path: string, size: number): AsyncGenerator<IndexedRecord> {
  const window = new ExampleWindow(file);
  for (let offset = 0; offset < size;) {
    try {
      const length = lengthIn(await window.bytes(offset, HEADER), size - offset);
      const start = offset + HEADER;
      const { id, label } = await window.nameAndLabel(start, length);
      const footer = await window.bytes(start + length, FOOTER);
      yield { path, offset, packed: false, length, crc: uint32(footer, 0), id: id ?? fallbackId(path, offset), label };
      offset = start + length + FOOTER;
    } catch (error) {
      throw corrupt(path, offset, error);
    }
  }
}

async function* packedIndex(path: string): AsyncGenerator<IndexedRecord> {
  for await (const record of scanRecords(path)) {
    if ('damage' in record) throw record.damage;
    const { offset, data } = record;
    try {
      const features = await decodeExample(data);
      const id = nameOf(features) ?? fallbackId(path, offset);
      yield { path, offset, packed: true, length: data.length, crc: maskedCrc32c(data), id, label: labelOf(features) };
    } catch (error) {
      throw corrupt(path, offset, error);
    }
  }
}

function fallbackId(path: string, offset: number): string {
  return `${basename(path)}@${offset}`;
}
