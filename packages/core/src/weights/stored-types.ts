import type { WeightArray } from './weight-tensor.js';

export interface StoredType {
  /** Bytes of one value in the file. */
  readonly bytes: number;
  /** The values, little-endian: in place where the bytes are aligned, else a copy. */
  view(bytes: Uint8Array<ArrayBuffer>): WeightArray;
}

/**
 * Number types by the name that safetensors has for them. Half precision is widened to float32, which holds it
 * exactly, unsigned integers to the next type that does.
 */
export const STORED_TYPES: Readonly<Record<string, StoredType>> = {
  F64: { bytes: 8, view: (bytes) => new Float64Array(...aligned(bytes, 8)) },
  F32: { bytes: 4, view: (bytes) => new Float32Array(...aligned(bytes, 4)) },
  F16: { bytes: 2, view: (bytes) => Float32Array.from(new Uint16Array(...aligned(bytes, 2)), halfToFloat) },
  BF16: { bytes: 2, view: (bytes) => bfloat16(new Uint16Array(...aligned(bytes, 2))) },
  I64: { bytes: 8, view: (bytes) => new BigInt64Array(...aligned(bytes, 8)) },
  I32: { bytes: 4, view: (bytes) => new Int32Array(...aligned(bytes, 4)) },
  I16: { bytes: 2, view: (bytes) => new Int16Array(...aligned(bytes, 2)) },
  I8: { bytes: 1, view: (bytes) => new Int8Array(...aligned(bytes, 1)) },
  U32: { bytes: 4, view: (bytes) => Float64Array.from(new Uint32Array(...aligned(bytes, 4))) },
  U16: { bytes: 2, view: (bytes) => Int32Array.from(new Uint16Array(...aligned(bytes, 2))) },
  U8: { bytes: 1, view: (bytes) => bytes },
  BOOL: { bytes: 1, view: (bytes) => bytes },
};

function aligned(bytes: Uint8Array<ArrayBuffer>, size: number): [ArrayBuffer, number, number] {
  const inPlace = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes);
  return [inPlace.buffer, inPlace.byteOffset, Math.floor(bytes.length / size)];
}

/** IEEE 754 binary16. */
function halfToFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/** bfloat16 is the upper half of a float32. */
function bfloat16(halves: Uint16Array): Float32Array<ArrayBuffer> {
  return new Float32Array(Uint32Array.from(halves, (bits) => bits * 65536).buffer);
}
