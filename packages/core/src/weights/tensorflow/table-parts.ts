import { checkpointFault } from './checkpoint-file.js';

/** Where a block of a sorted table stands, without what follows it. */
export interface BlockHandle {
  readonly offset: number;
  readonly size: number;
}

/** A block as the index has it. */
export interface IndexedBlock extends BlockHandle {
  /** No key of it is above this one, and every key of the next block is. */
  readonly lastKey: string;
}

/** The blocks that such keys can be in: a block's own are above the last key of the block before it, up to its last one. */
export function blocksWith(keys: readonly string[], blocks: readonly IndexedBlock[]): IndexedBlock[] {
  let at = 0;
  return blocks.filter(({ lastKey }) => {
    const before = at;
    while (at < keys.length && keys[at]! <= lastKey) at++;
    return at > before;
  });
}

/** The key before, of which the next one repeats a part; keys only rise. */
export class LastKey {
  key = '';
  #none = true;

  follow(shared: number, suffix: string): boolean {
    const rises = this.#none || suffix > this.key.slice(shared);
    this.key = this.key.slice(0, shared) + suffix;
    this.#none = false;
    return rises;
  }
}

/** Where a block stands, and where the next thing begins. @throws WEIGHTS_INVALID */
export function readHandle(bytes: Uint8Array, at: number, path: string, start: number): [BlockHandle, end: number] {
  const fault = () => checkpointFault(path, 'the place of a block is damaged', start + at);
  const [offset, afterOffset] = readVarint(bytes, at, fault);
  const [size, end] = readVarint(bytes, afterOffset, fault);
  return [{ offset, size }, end];
}

/** A varint below 2^53, and where the next thing begins. @throws what `fault` gives */
export function readVarint(bytes: Uint8Array, at: number, fault: () => Error): [value: number, end: number] {
  let value = 0;
  for (let i = 0; i < 8 && at + i < bytes.length; i++) {
    const byte = bytes[at + i]!;
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (!Number.isSafeInteger(value)) throw fault();
    if (byte < 0x80) return [value, at + i + 1];
  }
  throw fault();
}
