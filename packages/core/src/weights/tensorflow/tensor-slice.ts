/** Where a stored piece stands in its variable: a start and a length for each dimension. */
export interface Extent {
  readonly start: number;
  /** Undefined: the whole dimension. */
  readonly length: number | undefined;
}
export type TensorSlice = readonly Extent[];

/**
 * The shape of a slice of a variable of that shape, or undefined where it does not fit. A slice without extents is the
 * whole variable.
 */
export function sliceShape(slice: TensorSlice, shape: readonly number[]): readonly number[] | undefined {
  if (slice.length === 0) return shape;
  if (slice.length !== shape.length) return undefined;
  const sides: number[] = [];
  for (const [i, { start, length }] of slice.entries()) {
    const side = length ?? shape[i]! - start;
    if (side < 0 || start + side > shape[i]!) return undefined;
    sides.push(side);
  }
  return sides;
}

/**
 * The key of a slice in a table, one character a byte (tensorflow/core/util/saved_tensor_slice_util.cc,
 * EncodeTensorNameSlice, over tensorflow/tsl/lib/strings/ordered_code.cc).
 *
 * @param name one character a byte
 */
export function sliceKey(name: string, slice: TensorSlice): string {
  let key = rising(0) + name.replace(/[\0\xff]/g, (byte) => (byte === '\0' ? '\0\xff' : '\xff\0')) + '\0\x01';
  key += rising(slice.length);
  for (const { start, length } of slice) key += signedRising(start) + signedRising(length ?? -1);
  return key;
}

/** WriteNumIncreasing: how many bytes follow, then the number, big-endian. */
function rising(value: number): string {
  let digits = '';
  for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) digits = String.fromCharCode(rest % 256) + digits;
  return String.fromCharCode(digits.length) + digits;
}

/**
 * WriteSignedNumIncreasing for -1 and what is not negative: n bytes hold 7n − 1 bits, after as many ones as there are
 * bytes (for numbers below 2^53 these fit the first two bytes); all bits are turned for -1.
 */
function signedRising(value: number): string {
  if (value === -1) return '\x7f';
  let length = 1;
  while (value >= 2 ** (7 * length - 1)) length++;
  const bytes = new Uint8Array(length);
  let rest = value;
  for (let i = length - 1; i >= 0; i--) {
    bytes[i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  bytes[0]! ^= (0xff00 >> length) & 0xff;
  return String.fromCharCode(...bytes);
}
