import { writeAtomically } from './write-atomically.js';

/*
 * NumPy's files: .npy (numpy/lib/format.py, version 1.0) and .npz, a zip of them without compression, as numpy.savez
 * writes it (PKWARE APPNOTE, sections 4.3.7, 4.3.12, 4.3.16).
 */

/** An array as NumPy is to see it; numbers row by row. */
export type NpyArray =
  | { readonly dtype: 'float64' | 'float32'; readonly shape: readonly number[]; readonly values: readonly number[] }
  | { readonly dtype: 'text'; readonly values: readonly string[] };

/** Writes named arrays to one file, whole or not at all. @throws WRITE_FAILED, DISK_FULL, RangeError beyond 4 GB */
export async function writeNpz(path: string, arrays: Readonly<Record<string, NpyArray>>): Promise<void> {
  const files = Object.entries(arrays).map(([name, array]) => ({ name: `${name}.npy`, bytes: npy(array) }));
  await writeAtomically(path, zip(files));
}

/** The bytes of an .npy file. */
export function npy(array: NpyArray): Buffer {
  const [descr, shape, data] = array.dtype === 'text' ? text(array.values) : numbers(array);
  const tuple = `(${shape.join(', ')}${shape.length === 1 ? ',' : ''})`;
  const dictionary = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${tuple}, }`;
  // The data begins at a multiple of 64 bytes.
  const padded = `${dictionary.padEnd(Math.ceil((10 + dictionary.length + 1) / 64) * 64 - 11)}\n`;
  const head = Buffer.from(`\x93NUMPY\x01\x00\x00\x00${padded}`, 'latin1');
  head.writeUInt16LE(padded.length, 8);
  return Buffer.concat([head, data]);
}

function numbers({ dtype, shape, values }: Exclude<NpyArray, { dtype: 'text' }>): [string, readonly number[], Buffer] {
  const size = dtype === 'float64' ? 8 : 4;
  const data = Buffer.alloc(values.length * size);
  values.forEach((value, i) => (size === 8 ? data.writeDoubleLE(value, i * 8) : data.writeFloatLE(value, i * 4)));
  return [size === 8 ? '<f8' : '<f4', shape, data];
}

/** Strings of one length, in UTF-32, as NumPy keeps them. */
function text(values: readonly string[]): [string, readonly number[], Buffer] {
  const all = values.map((value) => Array.from(value, (character) => character.codePointAt(0)!));
  const length = all.reduce((most, codes) => Math.max(most, codes.length), 1);
  const data = Buffer.alloc(all.length * length * 4);
  all.forEach((codes, i) => codes.forEach((code, k) => data.writeUInt32LE(code, (i * length + k) * 4)));
  return [`<U${length}`, [all.length], data];
}

/** 1 January 1980, the first day that a zip knows: equal arrays give equal bytes. */
const DATE = 0x21;

function zip(files: readonly { readonly name: string; readonly bytes: Buffer }[]): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { name, bytes } of files) {
    const path = Buffer.from(name, 'utf8');
    // Version 2.0, names in UTF-8, stored.
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(0x800, 2);
    common.writeUInt16LE(DATE, 8);
    common.writeUInt32LE(crc32(bytes), 10);
    common.writeUInt32LE(bytes.length, 14);
    common.writeUInt32LE(bytes.length, 18);
    common.writeUInt16LE(path.length, 22);
    parts.push(Buffer.from('PK\x03\x04', 'latin1'), common, path, bytes);
    const place = Buffer.alloc(14);
    place.writeUInt32LE(offset, 10);
    directory.push(Buffer.from('PK\x01\x02\x14\x00', 'latin1'), common, place, path);
    offset += 30 + path.length + bytes.length;
  }
  const size = directory.reduce((sum, { length }) => sum + length, 0);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(files.length, 4);
  end.writeUInt16LE(files.length, 6);
  end.writeUInt32LE(size, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...parts, ...directory, Buffer.from('PK\x05\x06', 'latin1'), end]);
}

let table: Uint32Array | undefined;

/** CRC-32 of zip (polynomial 0xEDB88320, reflected). */
function crc32(bytes: Uint8Array): number {
  table ??= Uint32Array.from({ length: 256 }, (_, byte) => {
    for (let bit = 0; bit < 8; bit++) byte = (byte >>> 1) ^ (byte & 1 ? 0xedb88320 : 0);
    return byte;
  });
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (crc >>> 8) ^ table[(crc ^ byte) & 0xff]!;
  return ~crc >>> 0;
}
