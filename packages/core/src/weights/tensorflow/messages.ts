import protobuf from 'protobufjs/minimal.js';
import type { Extent, TensorSlice } from './tensor-slice.js';

/*
 * The few protocol buffers of a checkpoint, read field by field so that a tensor of many megabytes is not copied:
 * tensorflow/core/util/saved_tensor_slice.proto, framework/tensor_slice.proto, tensor_shape.proto, tensor.proto and
 * protobuf/tensor_bundle.proto.
 */

type Reader = protobuf.Reader;
type Fields = Readonly<Record<number, (reader: Reader, wireType: number) => void>>;

/** What is wrong with a message, and where in it. */
export class MessageError extends Error {
  constructor(
    reason: string,
    readonly offset: number,
  ) {
    super(reason);
  }
}

/** Calls the function of each field that is known; passes over the others. */
export function readFields(bytes: Uint8Array, fields: Fields): void {
  // The base class gives views; protobufjs's reader for Buffers does too, but only for those.
  const reader = new protobuf.Reader(bytes);
  try {
    while (reader.pos < reader.len) {
      const tag = reader.uint32();
      const field = fields[tag >>> 3];
      if (field) field(reader, tag & 7);
      else reader.skipType(tag & 7);
    }
  } catch (error) {
    if (error instanceof MessageError) throw error;
    throw new MessageError('a message is damaged', Math.min(reader.pos, reader.len));
  }
}

function bytesOf(reader: Reader, wireType: number): Uint8Array<ArrayBuffer> {
  if (wireType !== 2) throw new MessageError('a field has the wrong form', reader.pos);
  const length = reader.uint32();
  const start = reader.pos;
  reader.skip(length);
  return reader.buf.subarray(start, start + length) as Uint8Array<ArrayBuffer>;
}

/** A message within a message; what is wrong in it is told by its place in the outer one. */
function inside<T>(reader: Reader, wireType: number, read: (bytes: Uint8Array<ArrayBuffer>) => T): T {
  const bytes = bytesOf(reader, wireType);
  try {
    return read(bytes);
  } catch (error) {
    if (!(error instanceof MessageError)) throw error;
    throw new MessageError(error.message, reader.pos - bytes.length + error.offset);
  }
}

/** A count or an offset: an int64 that is not negative and below 2^53. */
function count(reader: Reader, wireType: number): number {
  if (wireType !== 0) throw new MessageError('a field has the wrong form', reader.pos);
  const at = reader.pos;
  const value = Number(reader.int64());
  if (!Number.isSafeInteger(value) || value < 0) throw new MessageError('a size is out of range', at);
  return value;
}

/** One character a byte, as the keys of the table are: two names are equal where their bytes are. */
const text = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');

function readShape(bytes: Uint8Array): number[] {
  const shape: number[] = [];
  readFields(bytes, {
    2: (reader, wireType) =>
      inside(reader, wireType, (dimension) => {
        let size = 0;
        readFields(dimension, { 1: (inner, type) => void (size = count(inner, type)) });
        shape.push(size);
      }),
    3: (reader) => {
      if (reader.bool()) throw new MessageError('a variable has no shape', reader.pos);
    },
  });
  return shape;
}

function readSlice(bytes: Uint8Array): TensorSlice {
  const slice: Extent[] = [];
  readFields(bytes, {
    1: (reader, wireType) =>
      inside(reader, wireType, (extent) => {
        let start = 0;
        let length: number | undefined;
        readFields(extent, {
          1: (inner, type) => void (start = count(inner, type)),
          2: (inner, type) => void (length = count(inner, type)),
        });
        slice.push({ start, length });
      }),
  });
  return slice;
}

/** What a V1 file says of a variable (SavedSliceMeta). */
export interface SliceMeta {
  readonly name: string;
  readonly shape: readonly number[];
  readonly type: number;
  readonly slices: readonly TensorSlice[];
}

/** A piece of a variable in a V1 file (SavedSlice), without its numbers. */
export interface SavedSlice {
  readonly name: string;
  readonly slice: TensorSlice;
  /** The TensorProto, in place. */
  readonly tensor: Uint8Array<ArrayBuffer>;
  /** Where it begins in the message. */
  readonly offset: number;
}

/** SavedTensorSlices: the list of variables (under the empty key), or one piece of one. */
export function readSavedTensorSlices(bytes: Uint8Array): { meta?: SliceMeta[]; data?: SavedSlice } {
  let meta: SliceMeta[] | undefined;
  let data: SavedSlice | undefined;
  readFields(bytes, {
    1: (reader, wireType) => {
      const tensors: SliceMeta[] = (meta ??= []);
      inside(reader, wireType, (list) =>
        readFields(list, { 1: (inner, type) => void tensors.push(inside(inner, type, readSliceMeta)) }),
      );
    },
    2: (reader, wireType) => {
      data = inside(reader, wireType, (message) => readSavedSlice(message, bytes));
    },
  });
  return { ...(meta && { meta }), ...(data && { data }) };
}

function readSliceMeta(bytes: Uint8Array): SliceMeta {
  const meta = { name: '', shape: [] as number[], type: 0, slices: [] as TensorSlice[] };
  readFields(bytes, {
    1: (reader, wireType) => void (meta.name = text(bytesOf(reader, wireType))),
    2: (reader, wireType) => void (meta.shape = inside(reader, wireType, readShape)),
    3: (reader, wireType) => void (meta.type = count(reader, wireType)),
    4: (reader, wireType) => void meta.slices.push(inside(reader, wireType, readSlice)),
  });
  return meta;
}

function readSavedSlice(bytes: Uint8Array<ArrayBuffer>, whole: Uint8Array): SavedSlice {
  const saved = { name: '', slice: [] as TensorSlice, tensor: new Uint8Array(0), offset: 0 };
  readFields(bytes, {
    1: (reader, wireType) => void (saved.name = text(bytesOf(reader, wireType))),
    2: (reader, wireType) => void (saved.slice = inside(reader, wireType, readSlice)),
    3: (reader, wireType) => {
      saved.tensor = bytesOf(reader, wireType);
      saved.offset = saved.tensor.byteOffset - whole.byteOffset;
    },
  });
  return saved;
}

/** What the index of a V2 checkpoint begins with (BundleHeaderProto). */
export function readBundleHeader(bytes: Uint8Array): { shards: number; bigEndian: boolean } {
  const header = { shards: 0, bigEndian: false };
  readFields(bytes, {
    1: (reader, wireType) => void (header.shards = count(reader, wireType)),
    2: (reader, wireType) => void (header.bigEndian = count(reader, wireType) !== 0),
  });
  return header;
}

/** What the index of a V2 checkpoint says of a variable or a piece of one (BundleEntryProto). */
export interface BundleEntry {
  readonly type: number;
  readonly shape: readonly number[];
  readonly shard: number;
  readonly offset: number;
  readonly size: number;
  /** Masked. */
  readonly crc: number;
  /** Where the variable is stored in pieces, each under a key of its own. */
  readonly slices: readonly TensorSlice[];
}

export function readBundleEntry(bytes: Uint8Array): BundleEntry {
  const entry = { type: 0, shape: [] as number[], shard: 0, offset: 0, size: 0, crc: 0, slices: [] as TensorSlice[] };
  readFields(bytes, {
    1: (reader, wireType) => void (entry.type = count(reader, wireType)),
    2: (reader, wireType) => void (entry.shape = inside(reader, wireType, readShape)),
    3: (reader, wireType) => void (entry.shard = count(reader, wireType)),
    4: (reader, wireType) => void (entry.offset = count(reader, wireType)),
    5: (reader, wireType) => void (entry.size = count(reader, wireType)),
    6: (reader, wireType) => {
      if (wireType !== 5) throw new MessageError('a field has the wrong form', reader.pos);
      entry.crc = reader.fixed32();
    },
    7: (reader, wireType) => void entry.slices.push(inside(reader, wireType, readSlice)),
  });
  return entry;
}
