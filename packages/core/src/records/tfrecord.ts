import type { FileHandle } from 'node:fs/promises';
import { createGunzip, createInflate } from 'node:zlib';
import { ChunkReader } from './chunk-reader.js';
import {
  checkData,
  corrupt,
  FOOTER,
  HEADER,
  lengthIn,
  MOST_EXPANSION,
  openForReading,
  packingOf,
  readAt,
  type Packing,
} from './framing.js';
import type { ShieldError } from '../errors/index.js';

const CHUNK = 1 << 20;

/** A record with the byte at which it starts (in the unpacked stream of a packed file), or why it is none. */
export type ScannedRecord =
  { readonly offset: number; readonly data: Uint8Array } | { readonly offset: number; readonly damage: ShieldError };

/**
 * The records of a file, in order, one in memory at a time; read as fast as they are taken. Gzip and zlib files are
 * known by their first bytes.
 *
 * @throws RECORD_CORRUPT with the byte at which the bad record starts (in the unpacked stream of a packed file): a wrong
 *   checksum, a length beyond the end of the file, a file that ends in a record. The records before it are yielded.
 */
export async function* readRecords(path: string): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const record of scanRecords(path)) {
    if ('damage' in record) throw record.damage;
    yield record.data;
  }
}

/**
 * As {@link readRecords}, but goes on behind a record whose bytes are damaged and whose length is not: behind a
 * damaged length nothing can be found any more.
 */
export async function* scanRecords(path: string): AsyncGenerator<ScannedRecord, void, undefined> {
  const file = await openForReading(path);
  let reader: ChunkReader | undefined;
  try {
    const { size } = await file.stat().catch((error: unknown) => Promise.reject(corrupt(path, 0, error)));
    const packing = packingOf(await readAt(file, 0, HEADER).catch((error) => Promise.reject(corrupt(path, 0, error))));
    reader = new ChunkReader(bytesOf(file, packing));
    const most = packing === 'none' ? size : size * MOST_EXPANSION;
    for (;;) {
      const offset = reader.offset;
      let data: Uint8Array;
      let footer: Uint8Array;
      try {
        const header = await reader.take(HEADER);
        if (header.length === 0) return;
        const length = lengthIn(header, most - offset);
        data = await reader.take(length);
        footer = await reader.take(FOOTER);
        if (footer.length < FOOTER) throw new Error('the file ends in a record');
      } catch (error) {
        yield { offset, damage: corrupt(path, offset, error) };
        return;
      }
      try {
        checkData(data, footer);
      } catch (error) {
        yield { offset, damage: corrupt(path, offset, error) };
        continue;
      }
      yield { offset, data };
    }
  } finally {
    await reader?.close();
    await file.close();
  }
}

function bytesOf(file: FileHandle, packing: Packing): AsyncIterable<Uint8Array> {
  const bytes = file.createReadStream({ start: 0, highWaterMark: CHUNK, autoClose: false });
  if (packing === 'none') return bytes;
  const plain = (packing === 'gzip' ? createGunzip : createInflate)({ chunkSize: CHUNK });
  bytes.on('error', (error) => plain.destroy(error));
  return bytes.pipe(plain);
}
