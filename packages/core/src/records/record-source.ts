import type { FileHandle } from 'node:fs/promises';
import { checkData, corrupt, FOOTER, HEADER, lengthIn, openForReading, readAt } from './framing.js';
import type { IndexedRecord } from './record-index.js';
import { scanRecords, type ScannedRecord } from './tfrecord.js';

/** A file that nobody reads from for so long is closed, and opened again when it is needed. */
const IDLE_MS = 1000;

/** Plain files open at a time; shuffled records come from all of them by turns. */
const MOST_OPEN = 16;

/**
 * Reads indexed records in any order. Plain files are read where the record stands; a packed one is unpacked from its
 * start up to the record, going on from the last one asked for where that stands before it.
 */
export class RecordSource {
  readonly #plain = new Map<string, PlainFile>();
  readonly #cursors = new Map<string, PackedCursor>();

  /**
   * The bytes of the record's Example, checked.
   *
   * @throws RECORD_CORRUPT, also where the file has changed since it was indexed
   */
  async load(record: IndexedRecord): Promise<Uint8Array> {
    if (!record.packed) return this.#plainFile(record.path).load(record);
    let cursor = this.#cursors.get(record.path);
    if (!cursor) {
      // One packed file open at a time: records come file by file unless they are shuffled.
      for (const other of this.#cursors.values()) await other.close();
      this.#cursors.clear();
      this.#cursors.set(record.path, (cursor = new PackedCursor(record.path)));
    }
    return cursor.load(record);
  }

  async close(): Promise<void> {
    for (const file of [...this.#plain.values(), ...this.#cursors.values()]) await file.close();
    this.#plain.clear();
    this.#cursors.clear();
  }

  #plainFile(path: string): PlainFile {
    const file = this.#plain.get(path) ?? new PlainFile(path);
    // Last in the map is what was used last.
    this.#plain.delete(path);
    this.#plain.set(path, file);
    if (this.#plain.size > MOST_OPEN) {
      const [oldest, unused] = this.#plain.entries().next().value!;
      this.#plain.delete(oldest);
      void unused.close();
    }
    return file;
  }
}

/** A plain file, open while it is read from: to open and close it for each record takes longer than to read one. */
class PlainFile {
  #file: Promise<FileHandle> | undefined;
  #reading = 0;
  #closing = false;
  #idle: NodeJS.Timeout | undefined;

  constructor(private readonly path: string) {}

  async load({ offset, length }: IndexedRecord): Promise<Uint8Array> {
    clearTimeout(this.#idle);
    this.#reading++;
    try {
      const file = await (this.#file ??= openForReading(this.path));
      const bytes = await readAt(file, offset, HEADER + length + FOOTER);
      if (lengthIn(bytes.subarray(0, HEADER), HEADER + length + FOOTER) !== length) throw changed();
      const data = bytes.subarray(HEADER, HEADER + length);
      checkData(data, bytes.subarray(HEADER + length));
      return data;
    } catch (error) {
      throw corrupt(this.path, offset, error);
    } finally {
      this.#reading--;
      if (this.#reading === 0) {
        if (this.#closing) await this.close();
        else this.#idle = setTimeout(() => void this.close(), IDLE_MS).unref();
      }
    }
  }

  /** Closes it, once those who read from it have what they want. */
  async close(): Promise<void> {
    clearTimeout(this.#idle);
    this.#closing = this.#reading > 0;
    if (this.#closing) return;
    const file = this.#file;
    this.#file = undefined;
    await (await file?.catch(() => undefined))?.close();
  }
}

/** Walks through a packed file; one request after the other. */
class PackedCursor {
  #records: AsyncGenerator<ScannedRecord, void, undefined> | undefined;
  #next = 0;
  #turn: Promise<unknown> = Promise.resolve();
  #idle: NodeJS.Timeout | undefined;

  constructor(private readonly path: string) {}

  load(record: IndexedRecord): Promise<Uint8Array> {
    clearTimeout(this.#idle);
    const turn = this.#turn.then(() => this.#seek(record));
    this.#idle = setTimeout(() => void this.close(), IDLE_MS).unref();
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  async close(): Promise<void> {
    clearTimeout(this.#idle);
    this.#turn = this.#turn.then(async () => {
      await this.#records?.return();
      this.#records = undefined;
    });
    await this.#turn;
  }

  async #seek({ offset, length }: IndexedRecord): Promise<Uint8Array> {
    if (!this.#records || offset < this.#next) {
      await this.#records?.return();
      this.#records = scanRecords(this.path);
    }
    for (;;) {
      const { value } = await this.#records.next();
      if (!value) throw corrupt(this.path, offset, changed());
      if ('damage' in value) {
        if (value.offset === offset) throw value.damage;
        continue;
      }
      this.#next = value.offset + HEADER + value.data.length + FOOTER;
      if (value.offset === offset && value.data.length === length) return value.data;
      if (value.offset >= offset) throw corrupt(this.path, offset, changed());
    }
  }
}

function changed(): Error {
  return new Error('the file has changed since it was listed: another record stands');
}
