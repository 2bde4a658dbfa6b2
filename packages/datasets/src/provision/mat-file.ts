import { inflateSync } from 'node:zlib';

/*
 * MATLAB files of version 5 (The MathWorks, "MAT-File Format", sections "Level 5 MAT-File Format" and "Array Data
 * Element Formats"): as much as the development kit's meta.mat needs.
 */

/** An array of a MAT-file. Arrays are in MATLAB's order: the first dimension runs fastest. */
export type MatArray =
  | { readonly kind: 'numbers'; readonly values: readonly number[] }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'cells'; readonly values: readonly MatArray[] }
  | { readonly kind: 'structs'; readonly records: readonly Readonly<Record<string, MatArray>>[] };

/** Unpacked, meta.mat has half a megabyte. */
const MOST_BYTES = 16 << 20;
const MOST_DEPTH = 32;

const [MI_MATRIX, MI_COMPRESSED, MI_UTF8] = [14, 15, 16];
const [MX_CELL, MX_STRUCT, MX_OBJECT, MX_CHAR, MX_SPARSE] = [1, 2, 3, 4, 5];

/** Storage types of numbers: bytes, and how one is read. */
const NUMBERS: Readonly<Record<number, readonly [size: number, read: (view: DataView, at: number) => number]>> = {
  1: [1, (view, at) => view.getInt8(at)],
  2: [1, (view, at) => view.getUint8(at)],
  3: [2, (view, at) => view.getInt16(at, true)],
  4: [2, (view, at) => view.getUint16(at, true)],
  5: [4, (view, at) => view.getInt32(at, true)],
  6: [4, (view, at) => view.getUint32(at, true)],
  7: [4, (view, at) => view.getFloat32(at, true)],
  9: [8, (view, at) => view.getFloat64(at, true)],
  12: [8, (view, at) => Number(view.getBigInt64(at, true))],
  13: [8, (view, at) => Number(view.getBigUint64(at, true))],
  17: [2, (view, at) => view.getUint16(at, true)],
};

/**
 * The arrays of a MAT-file by name. Little-endian files only, without objects and sparse arrays.
 *
 * @throws Error saying what is wrong
 */
export function readMatFile(bytes: Buffer): ReadonlyMap<string, MatArray> {
  if (bytes.length < 128 || bytes.toString('latin1', 126, 128) !== 'IM') {
    throw new Error('not a MAT-file of version 5');
  }
  const arrays = new Map<string, MatArray>();
  const budget = { left: MOST_BYTES };
  for (const element of elements(bytes.subarray(128))) {
    let { type, data } = element;
    if (type === MI_COMPRESSED) {
      const unpacked = inflateSync(data, { maxOutputLength: Math.max(1, budget.left) });
      budget.left -= unpacked.length;
      ({ type, data } = first(elements(unpacked)));
    }
    if (type !== MI_MATRIX) throw new Error(`an element of type ${type} where an array is expected`);
    const { name, array } = matrix(data, 0);
    arrays.set(name, array);
  }
  return arrays;
}

interface Element {
  readonly type: number;
  readonly data: Buffer;
}

function* elements(bytes: Buffer): Generator<Element, void, undefined> {
  for (let at = 0; at + 8 <= bytes.length;) {
    const word = bytes.readUInt32LE(at);
    const small = word >>> 16;
    const type = small > 0 ? word & 0xffff : word;
    const length = small > 0 ? small : bytes.readUInt32LE(at + 4);
    const start = at + (small > 0 ? 4 : 8);
    if (small > 4 || start + length > bytes.length) throw new Error('an element goes beyond the end');
    yield { type, data: bytes.subarray(start, start + length) };
    at = small > 0 ? at + 8 : start + (type === MI_COMPRESSED ? length : Math.ceil(length / 8) * 8);
  }
}

function first(found: Generator<Element, void, undefined>): Element {
  const { value } = found.next();
  if (!value) throw new Error('an element is missing');
  return value;
}

function matrix(data: Buffer, depth: number): { name: string; array: MatArray } {
  if (depth > MOST_DEPTH) throw new Error('arrays stand in one another too deep');
  if (data.length === 0) return { name: '', array: { kind: 'numbers', values: [] } };
  const parts = elements(data);
  const flags = first(parts).data;
  const of = flags.length >= 4 ? flags[0]! : 0;
  const count = numbers(first(parts)).reduce((product, size) => product * size, 1);
  const name = first(parts).data.toString('latin1');
  return { name, array: content(of, count, parts, depth) };
}

function content(of: number, count: number, parts: Generator<Element, void, undefined>, depth: number): MatArray {
  const nested = () => {
    const element = first(parts);
    if (element.type !== MI_MATRIX) throw new Error('an array holds no array where it should');
    return matrix(element.data, depth + 1).array;
  };
  // Every element takes bytes: a count that lies runs out of them.
  const several = <T>(make: () => T): T[] => {
    const made: T[] = [];
    for (let i = 0; i < count; i++) made.push(make());
    return made;
  };
  if (of === MX_CELL) return { kind: 'cells', values: several(nested) };
  if (of === MX_STRUCT) {
    const [length = 0] = numbers(first(parts));
    const names = first(parts).data;
    if (length < 1) throw new Error('a structure without names');
    const fields = Array.from({ length: Math.floor(names.length / length) }, (_, i) =>
      names.toString('latin1', i * length, (i + 1) * length).replace(/\0.*/s, ''),
    );
    if (fields.length === 0) return { kind: 'structs', records: [] };
    return { kind: 'structs', records: several(() => Object.fromEntries(fields.map((field) => [field, nested()]))) };
  }
  if (of === MX_OBJECT || of === MX_SPARSE || of === 0 || of > 15)
    throw new Error(`arrays of class ${of} are not read`);
  const element = count === 0 ? undefined : first(parts);
  if (of === MX_CHAR && element?.type === MI_UTF8) return { kind: 'text', text: element.data.toString('utf8') };
  const values = element ? numbers(element) : [];
  if (values.length !== count) throw new Error(`an array has ${values.length} of its ${count} values`);
  return of === MX_CHAR ? { kind: 'text', text: textOf(values) } : { kind: 'numbers', values };
}

function textOf(codes: readonly number[]): string {
  let text = '';
  for (const code of codes) text += String.fromCharCode(code);
  return text;
}

function numbers({ type, data }: Element): number[] {
  const form = NUMBERS[type];
  if (!form) throw new Error(`numbers of type ${type} are not read`);
  const [size, read] = form;
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  return Array.from({ length: Math.floor(data.length / size) }, (_, i) => read(view, i * size));
}
