import protobuf from 'protobufjs/minimal.js';
import { maskedCrc32c } from '../../../records/crc32c.js';
import { CheckpointFile } from '../checkpoint-file.js';
import { SortedTable } from '../sorted-table.js';

export type Entry = readonly [key: string, value: Uint8Array];

/** The entries of a table that TensorFlow wrote. */
export async function entriesOf(path: string): Promise<Entry[]> {
  const file = await CheckpointFile.open(path);
  const entries: Entry[] = [];
  for await (const { key, value } of (await SortedTable.open(file)).entries()) entries.push([key, value.slice()]);
  await file.close();
  return entries;
}

export interface TableParts {
  /** Instead of what the data block's entries are. */
  readonly block?: Uint8Array;
  readonly compression?: number;
  /** Instead of the true place of the data block: what the index names, one entry each. */
  readonly index?: readonly (readonly [offset: number, size: number])[];
  /** Instead of the true place of the index. */
  readonly footer?: readonly [offset: number, size: number];
}

/** A table of one data block with right checksums, whatever is in it: what a hostile hand can make. */
export function writeTable(entries: readonly Entry[], parts: TableParts = {}): Uint8Array {
  const data = parts.block ?? block(entries);
  const places = parts.index ?? [[0, data.length]];
  const index = block(places.map((place, i): Entry => [`${String.fromCharCode(33 + i)}`, handle(...place)]));
  const meta = block([]);
  const stored = [data, meta, index].map((contents, i) => sealed(contents, i === 0 ? (parts.compression ?? 0) : 0));
  const [first, second] = stored as [Uint8Array, Uint8Array, Uint8Array];
  const footer = new Uint8Array(48);
  const indexAt = parts.footer ?? [first.length + second.length, index.length];
  footer.set([...handle(first.length, meta.length), ...handle(...indexAt)]);
  footer.set([0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb], 40);
  return Buffer.concat([...stored, footer]);
}

/** Every key whole: a restart at the first entry alone, and no prefix shared. */
function block(entries: readonly Entry[]): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const [key, value] of entries) {
    const writer = protobuf.Writer.create().uint32(0).uint32(key.length).uint32(value.length);
    parts.push(writer.finish(), Buffer.from(key, 'latin1'), value);
  }
  return Buffer.concat([...parts, Uint8Array.of(0, 0, 0, 0, 1, 0, 0, 0)]);
}

function sealed(contents: Uint8Array, compression: number): Uint8Array {
  const out = Buffer.concat([contents, Uint8Array.of(compression), new Uint8Array(4)]);
  out.writeUInt32LE(maskedCrc32c(out.subarray(0, contents.length + 1)), contents.length + 1);
  return out;
}

function handle(offset: number, size: number): Uint8Array {
  return protobuf.Writer.create().uint64(offset).uint64(size).finish();
}
