import type { FileHandle } from 'node:fs/promises';
import { FILENAME, LABEL, labelOf, nameOf } from './image-record.js';
import { decodeExample, exampleOf } from './example.js';
import { readAt } from './framing.js';

/** Read at once; the small features of a record stand together in about as much. */
const WINDOW = 8192;
/** Names and labels are short; an entry beyond this is none. */
const MOST_ENTRY = 1 << 16;

/** What stands at the head of a length-delimited field: tag and length as varints (protobuf encoding). */
interface Field {
  readonly tag: number;
  /** Where the content starts, and ends. */
  readonly start: number;
  readonly end: number;
}

/**
 * A file seen through a small window, which finds a record's name and label without reading its pixels: it steps from
 * feature to feature over their lengths.
 */
export class ExampleWindow {
  #start = 0;
  #bytes: Uint8Array = new Uint8Array(0);

  constructor(private readonly file: FileHandle) {}

  /** Bytes of the file; fewer at its end. */
  async bytes(position: number, length: number): Promise<Uint8Array> {
    if (position < this.#start || position + length > this.#start + this.#bytes.length) {
      this.#start = position;
      this.#bytes = await readAt(this.file, position, Math.max(length, WINDOW));
    }
    return this.#bytes.subarray(position - this.#start, position - this.#start + length);
  }

  /**
   * @param start of the Example in the file
   * @throws Error saying what is wrong with bytes that are no Example, or hold no label
   */
  async nameAndLabel(start: number, length: number): Promise<{ id: string | undefined; label: number }> {
    const end = start + length;
    const entries: Uint8Array[] = [];
    for (let at = start; at < end;) {
      const features = await this.#field(at, end);
      at = features.end;
      if (features.tag !== 0x0a) continue;
      for (let place = features.start; place < features.end;) {
        const entry = await this.#field(place, features.end);
        place = entry.end;
        const key = entry.tag === 0x0a ? await this.#key(entry) : undefined;
        if (key !== FILENAME && key !== LABEL) continue;
        const size = entry.end - entry.start;
        if (size > MOST_ENTRY) throw new Error(`${key} has ${size} bytes`);
        entries.push(Uint8Array.from(await this.bytes(entry.start, size)));
      }
    }
    const features = await decodeExample(exampleOf(entries));
    return { id: nameOf(features), label: labelOf(features) };
  }

  /** The name of a map entry, which its writers put first; undefined where it is not there or longer than ours. */
  async #key(entry: Field): Promise<string | undefined> {
    if (entry.end - entry.start < 2) return undefined;
    const key = await this.#field(entry.start, entry.end);
    if (key.tag !== 0x0a) throw new Error('not a tf.train.Example (a feature does not begin with its name)');
    const size = key.end - key.start;
    if (size !== FILENAME.length && size !== LABEL.length) return undefined;
    return Buffer.from(await this.bytes(key.start, size)).toString('latin1');
  }

  async #field(at: number, limit: number): Promise<Field> {
    const bytes = await this.bytes(at, Math.min(16, limit - at));
    let tag = 0;
    let length = 0;
    let i = 0;
    const varint = () => {
      let value = 0;
      for (let shift = 0; shift < 42; shift += 7) {
        const byte = bytes[i++];
        if (byte === undefined) throw new Error('not a tf.train.Example (it ends in a field)');
        value += (byte & 0x7f) * 2 ** shift;
        if (byte < 0x80) return value;
      }
      throw new Error('not a tf.train.Example (a length has too many bytes)');
    };
    tag = varint();
    if ((tag & 7) !== 2) throw new Error(`not a tf.train.Example (wire type ${tag & 7} at byte ${at})`);
    length = varint();
    if (at + i + length > limit) throw new Error('not a tf.train.Example (a field goes beyond its end)');
    return { tag, start: at + i, end: at + i + length };
  }
}
