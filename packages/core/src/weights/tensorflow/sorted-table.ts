import { maskedCrc32c } from '../../records/crc32c.js';
import type { AlignedMemory } from '../aligned-memory.js';
import { checkpointFault, type CheckpointFile } from './checkpoint-file.js';
import { SnappyError, snappyDecompress } from './snappy.js';
import { LastKey, blocksWith, readHandle, readVarint, type BlockHandle, type IndexedBlock } from './table-parts.js';
import type { Lodging } from './tensor-values.js';

/*
 * The sorted table that holds a V1 checkpoint and the index of a V2 one (LevelDB's doc/table_format.md; TensorFlow's
 * tensorflow/tsl/lib/io/table.cc): blocks of entries with keys that share prefixes, each block followed by a byte that
 * names its compression and a masked CRC32C; an index block; a footer of 48 bytes.
 */

const FOOTER = 48;
const TRAILER = 5;
/** What ends the contents of a block of up to 16 entries: a list of one restart, and its length. */
const RESTARTS = 8;
const MAGIC = [0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb];
/** Keys hold the name of a variable and a few numbers. */
const LONGEST_KEY = 8192;
/** Blocks that are read while one is looked at; more where most are kept: to take new memory takes as long as the rest. */
const AHEAD = { keeping: 3, passing: 1 };

export interface TableEntry {
  /** One character a byte. */
  readonly key: string;
  /** Valid until the next entry is asked for, or as long as it is wanted once the memory that it lies in is kept. */
  readonly value: Uint8Array<ArrayBuffer>;
  /** Where the value stands in the file; in a compressed block, where the block does. */
  readonly offset: number;
  /** The whole block's memory; not there where that is needed for the next one. */
  readonly lodging?: Lodging;
}

interface Block {
  readonly data: Uint8Array<ArrayBuffer>;
  /** Whether it stands in the file as it is. */
  readonly exact: boolean;
  /** The memory that it was read to, where the data lie there. */
  readonly room?: Uint8Array<ArrayBuffer>;
}

/** Whether the last bytes of a file are those of a sorted table. */
export function isTableFooter(end: Uint8Array): boolean {
  return end.length >= FOOTER && MAGIC.every((byte, i) => end[end.length - MAGIC.length + i] === byte);
}

/** A sorted table, read block by block. */
export class SortedTable {
  /** Memory of blocks gone by, which the next ones are read into. */
  #spare: Uint8Array<ArrayBuffer>[] = [];

  private constructor(
    readonly file: CheckpointFile,
    private readonly blocks: readonly IndexedBlock[],
  ) {}

  /** @throws WEIGHTS_INVALID where the footer or the index is damaged */
  static async open(file: CheckpointFile): Promise<SortedTable> {
    const { path, size } = file;
    if (size < FOOTER) throw checkpointFault(path, `it ends after ${size} bytes, too few for a checkpoint`);
    const start = size - FOOTER;
    const footer = await file.read(start, FOOTER, 'the footer');
    if (!isTableFooter(footer)) {
      throw checkpointFault(path, 'the mark of a checkpoint is missing: the file is cut off or of another form', start);
    }
    const [, afterMeta] = readHandle(footer, 0, path, start);
    const [index] = readHandle(footer, afterMeta, path, start);
    const table = new SortedTable(file, []);
    const blocks: IndexedBlock[] = [];
    let end = 0;
    const block = await table.#block(index, start);
    for (const { key, value, offset } of table.#entriesOf(block, index.offset, new LastKey())) {
      const [handle] = readHandle(value, 0, path, offset);
      // In this order alone can no block be read twice, whatever the file says.
      if (handle.offset < end) throw checkpointFault(path, 'the index names a block out of order', offset);
      end = handle.offset + handle.size + TRAILER;
      if (end > index.offset) throw checkpointFault(path, 'the index names a block beyond the data', offset);
      blocks.push({ ...handle, lastKey: key });
    }
    return new SortedTable(file, blocks);
  }

  /** How many bytes each block that such keys can be in takes to be read. */
  lengths(wanted: readonly string[]): number[] {
    return blocksWith(wanted, this.blocks).map(({ size }) => size + TRAILER);
  }

  /**
   * The entries in the order of the keys; those of one block are checked before the first of them is given.
   *
   * @param wanted keys, in their order: blocks that none of them can be in are not read. Default: every block
   * @param memory for whoever keeps most of the values: blocks are read to it, and values can stay there. Else two blocks
   *   are in memory at a time, the one that is looked at and the next.
   */
  async *entries(wanted?: readonly string[], memory?: AlignedMemory): AsyncGenerator<TableEntry, void> {
    const last = new LastKey();
    const limit = this.file.size - FOOTER;
    const blocks = wanted ? blocksWith(wanted, this.blocks) : this.blocks;
    if (!memory && this.#spare.length === 0) this.#spare = twoBlocks(blocks);
    const most = memory ? AHEAD.keeping : AHEAD.passing;
    const ahead: Promise<Block>[] = [];
    const read = (handle: BlockHandle) => {
      const block = this.#block(handle, limit, memory);
      block.catch(() => undefined); // awaited below, in its turn
      ahead.push(block);
    };
    let next = 0;
    try {
      for (const { offset } of blocks) {
        for (; ahead.length <= most && next < blocks.length; next++) read(blocks[next]!);
        yield* this.#entriesOf((await ahead.shift())!, offset, last, memory !== undefined);
      }
    } finally {
      // Nobody closes the file below them.
      await Promise.allSettled(ahead);
    }
  }

  /** Memory of a block gone by that is large enough; what is too small is let go. */
  #room(length: number): Uint8Array<ArrayBuffer> | undefined {
    const fits = this.#spare.findIndex((spare) => spare.length >= length);
    if (fits >= 0) return this.#spare.splice(fits, 1)[0];
    this.#spare.length = 0;
    return undefined;
  }

  /** A block as it was before compression. */
  async #block({ offset, size }: BlockHandle, limit: number, memory?: AlignedMemory): Promise<Block> {
    const { path } = this.file;
    if (offset + size + TRAILER > limit) throw checkpointFault(path, 'a block would reach beyond its place', offset);
    const length = size + TRAILER;
    // A large value is the last of its block, and its numbers are the last of it.
    const room = this.#room(length) ?? memory?.take(length, Math.max(0, size - RESTARTS));
    const stored = await this.file.read(offset, length, 'a block', room);
    const view = new DataView(stored.buffer, stored.byteOffset, stored.length);
    if (maskedCrc32c(stored.subarray(0, size + 1)) !== view.getUint32(size + 1, true)) {
      throw checkpointFault(path, 'the checksum of a block is wrong', offset);
    }
    const contents = stored.subarray(0, size);
    const compression = stored[size];
    if (compression === 0) return { data: contents, exact: true, room: room ?? stored };
    if (compression !== 1) throw checkpointFault(path, `unknown compression ${compression}`, offset + size);
    try {
      const data = snappyDecompress(contents);
      this.#spare.push(room ?? stored);
      return { data, exact: false };
    } catch (error) {
      if (!(error instanceof SnappyError)) throw error;
      throw checkpointFault(path, error.message, offset + error.offset, error);
    }
  }

  *#entriesOf({ data, exact, room }: Block, start: number, last: LastKey, toKeep = false): Generator<TableEntry, void> {
    const { path } = this.file;
    const fault = (reason: string, at: number) => checkpointFault(path, reason, exact ? start + at : start);
    if (data.length < 4) throw fault('a block is too short', 0);
    const restarts = new DataView(data.buffer, data.byteOffset, data.length).getUint32(data.length - 4, true);
    const end = data.length - 4 - 4 * restarts;
    if (end < 0) throw fault('the end of a block is damaged', data.length - 4);
    let at = 0;
    const number = (): number => {
      const [value, next] = readVarint(data.subarray(0, end), at, () => fault('an entry is damaged', at));
      at = next;
      return value;
    };
    let kept = false;
    const lodging = { block: data, keep: () => void (kept = true) };
    while (at < end) {
      const from = at;
      const shared = number();
      const unshared = number();
      const length = number();
      if (shared > last.key.length || shared + unshared > LONGEST_KEY || unshared + length > end - at) {
        throw fault('an entry leaves its block', from);
      }
      const suffix = String.fromCharCode(...data.subarray(at, at + unshared));
      if (!last.follow(shared, suffix)) throw fault('the keys are out of order', from);
      at += unshared;
      const value = data.subarray(at, at + length);
      yield { key: last.key, value, offset: exact ? start + at : start, ...(toKeep && { lodging }) };
      at += length;
    }
    if (!kept && room) this.#spare.push(room);
  }
}

/** Room for any two of these blocks. Large arrays are made seldom: each costs a collection of garbage. */
function twoBlocks(blocks: readonly BlockHandle[]): Uint8Array<ArrayBuffer>[] {
  const largest = blocks.reduce((most, { size }) => Math.max(most, size + TRAILER), 0);
  const both = new Uint8Array(2 * largest);
  return [both.subarray(0, largest), both.subarray(largest)];
}
