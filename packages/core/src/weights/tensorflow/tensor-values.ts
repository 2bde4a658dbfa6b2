import type protobuf from 'protobufjs/minimal.js';
import { MessageError, readFields } from './messages.js';

/** Of the memory that numbers lie in, how much they must fill to be left there. */
const MOSTLY = 0.9;

/** Memory that a tensor lies in and that may be taken over. */
export interface Lodging {
  /** It holds the head of the field before the numbers, and a number's length more. */
  readonly block: Uint8Array<ArrayBuffer>;
  /** Takes over the block. */
  readonly keep: () => void;
}

/**
 * The numbers of one field of a TensorProto, little-endian, `bytes` for each, aligned to that: in memory of their own, or
 * where they are.
 *
 * @param field 5 float_val, 6 double_val, 7 int_val, 10 int64_val, 11 bool_val, 13 half_val
 * @param expected how many there must be
 * @param take gives memory of their own
 * @param lodging where the numbers stay if they are most of it
 */
export function readTensorValues(
  tensor: Uint8Array<ArrayBuffer>,
  field: number,
  bytes: number,
  expected: number,
  take: (length: number) => Uint8Array<ArrayBuffer> = (length) => new Uint8Array(length),
  lodging?: Lodging,
): Uint8Array<ArrayBuffer> {
  const fixed = field === 5 || field === 6;
  const wrongCount = (n: number) => new MessageError(`a variable has ${n} values instead of ${expected}`, 0);
  // A varint takes at least a byte: what is claimed cannot make us reserve more than the file can fill.
  if (expected * (fixed ? bytes : 1) > tensor.length) throw wrongCount(0);
  let out: Uint8Array<ArrayBuffer> | undefined;
  let view: DataView | undefined;
  let n = 0;
  const put = (value: bigint | number) => {
    if (n === expected) throw wrongCount(n + 1);
    out ??= take(expected * bytes);
    view ??= new DataView(out.buffer, out.byteOffset);
    if (bytes === 8) view.setBigInt64(8 * n, BigInt(value), true);
    else if (bytes === 4) view.setInt32(4 * n, Number(value), true);
    else if (bytes === 2) view.setInt16(2 * n, Number(value), true);
    else view.setInt8(n, Number(value));
    n++;
  };
  const varint = (reader: protobuf.Reader) => {
    if (bytes < 8) return put(reader.int32());
    const long = reader.int64() as number | { low: number; high: number };
    put(typeof long === 'number' ? long : (BigInt(long.high) << 32n) | BigInt(long.low >>> 0));
  };
  readFields(tensor, {
    [field]: (reader, wireType) => {
      if (fixed) {
        const packed = wireType === 2;
        if (!packed && wireType !== (bytes === 4 ? 5 : 1))
          throw new MessageError('a field has the wrong form', reader.pos);
        const length = packed ? reader.uint32() : bytes;
        const start = reader.pos;
        reader.skip(length);
        if (length % bytes !== 0 || n + length / bytes > expected) throw wrongCount(n + length / bytes);
        const at = tensor.byteOffset + start;
        const block = length === expected * bytes ? lodging?.block : undefined;
        if (block && length > MOSTLY * block.length && at - (at % bytes) >= block.byteOffset) {
          // What is written over is the field's head, which has been read.
          out = new Uint8Array(tensor.buffer, at - (at % bytes), length);
          if (at % bytes !== 0) out.set(new Uint8Array(tensor.buffer, at, length));
          lodging!.keep();
        } else {
          out ??= take(expected * bytes);
          out.set(reader.buf.subarray(start, start + length), n * bytes);
        }
        n += length / bytes;
      } else if (wireType === 2) {
        const end = reader.uint32() + reader.pos;
        if (end > reader.len) throw new MessageError('a field leaves its message', reader.pos);
        while (reader.pos < end) varint(reader);
      } else if (wireType === 0) varint(reader);
      else throw new MessageError('a field has the wrong form', reader.pos);
    },
  });
  if (n !== expected) throw wrongCount(n);
  return out ?? new Uint8Array(0);
}
