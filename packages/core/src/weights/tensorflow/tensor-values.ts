import type protobuf from 'protobufjs/minimal.js';
import { MessageError, readFields } from './messages.js';

/**
 * Copies the numbers of one field of a TensorProto to memory of their own, little-endian, `bytes` for each.
 *
 * @param field 5 float_val, 6 double_val, 7 int_val, 10 int64_val, 11 bool_val, 13 half_val
 * @param expected how many there must be
 */
export function readTensorValues(
  tensor: Uint8Array,
  field: number,
  bytes: number,
  expected: number,
): Uint8Array<ArrayBuffer> {
  const fixed = field === 5 || field === 6;
  const wrongCount = (n: number) => new MessageError(`a variable has ${n} values instead of ${expected}`, 0);
  // A varint takes at least a byte: what is claimed cannot make us reserve more than the file can fill.
  if (expected * (fixed ? bytes : 1) > tensor.length) throw wrongCount(0);
  const out = new Uint8Array(expected * bytes);
  const view = new DataView(out.buffer);
  let n = 0;
  const put = (value: bigint | number) => {
    if (n === expected) throw wrongCount(n + 1);
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
        out.set(reader.buf.subarray(start, start + length), n * bytes);
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
  return out;
}
