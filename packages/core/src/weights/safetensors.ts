import { ShieldError } from '../errors/index.js';
import { STORED_TYPES } from './stored-types.js';
import { rowMajorStrides, sizeOf, type WeightMap, type WeightTensor } from './weight-tensor.js';

/*
 * safetensors (github.com/huggingface/safetensors, "Format"): 8 bytes little-endian length of the header, the header
 * as JSON, then the tensors' bytes. `__metadata__` maps strings to strings. Offsets count from the end of the header;
 * the tensors lie without gaps or overlaps.
 */

const MAX_HEADER = 100_000_000;

export interface SafetensorsFile {
  readonly tensors: WeightMap;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Reads a safetensors file that is in memory. The tensors are views into `file` where alignment allows it; half
 * precision is widened to float32, which holds it exactly.
 *
 * @param path for the message of an error
 * @throws WEIGHTS_INVALID naming the fault and its byte offset; nothing in the file makes it allocate more than a copy
 */
export function readSafetensors(file: Uint8Array<ArrayBuffer>, path: string): SafetensorsFile {
  if (file.length < 8) throw invalid(path, `it ends after ${file.length} bytes, within the length of its header`);
  const length = new DataView(file.buffer, file.byteOffset, 8).getBigUint64(0, true);
  if (length > BigInt(Math.min(file.length - 8, MAX_HEADER))) {
    throw invalid(path, `the header at byte 8 claims ${length} bytes, and ${file.length - 8} follow`);
  }
  const start = 8 + Number(length);
  const header = parseHeader(file.subarray(8, start), path);
  const body = file.subarray(start);
  const tensors = new Map<string, WeightTensor>();
  let metadata: Record<string, string> = {};
  const ranges: (readonly [number, number, string])[] = [];
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') metadata = parseMetadata(entry, path);
    else {
      const { tensor, range } = parseTensor(name, entry, body, start, path);
      tensors.set(name, tensor);
      ranges.push([...range, name]);
    }
  }
  let end = 0;
  for (const [from, to, name] of ranges.sort((a, b) => a[0] - b[0] || a[1] - b[1])) {
    if (from !== end) throw invalid(path, `"${name}" begins at byte ${start + from}, not at ${start + end}`);
    end = to;
  }
  if (end !== body.length) throw invalid(path, `${body.length - end} bytes are left over at byte ${start + end}`);
  return { tensors, metadata };
}

/**
 * Writes float32 tensors as a safetensors file, in the order of their names, so that equal weights give equal bytes.
 *
 * @param metadata where the weights come from
 */
export function writeSafetensors(
  tensors: ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: Float32Array }>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  const names = [...tensors.keys()].sort();
  const header: Record<string, unknown> = Object.keys(metadata).length === 0 ? {} : { __metadata__: metadata };
  let offset = 0;
  for (const name of names) {
    const { shape, data } = tensors.get(name)!;
    if (data.length !== sizeOf(shape))
      throw new RangeError(`${name}: ${data.length} values for shape [${shape.join()}]`);
    header[name] = { dtype: 'F32', shape, data_offsets: [offset, offset + data.byteLength] };
    offset += data.byteLength;
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  // Padded with spaces, so that the tensors begin at a multiple of 8 and can be read in place.
  const headerLength = Math.ceil(json.length / 8) * 8;
  const file = new Uint8Array(8 + headerLength + offset);
  const view = new DataView(file.buffer);
  view.setBigUint64(0, BigInt(headerLength), true);
  file.fill(0x20, 8, 8 + headerLength);
  file.set(json, 8);
  let at = 8 + headerLength;
  for (const name of names) {
    for (const value of tensors.get(name)!.data) {
      view.setFloat32(at, value, true);
      at += 4;
    }
  }
  return file;
}

function parseHeader(bytes: Uint8Array, path: string): Record<string, unknown> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw invalid(path, 'its header, at byte 8, is not JSON', error);
  }
  if (!isRecord(parsed)) throw invalid(path, 'its header, at byte 8, is not a JSON object');
  return parsed;
}

function parseMetadata(entry: unknown, path: string): Record<string, string> {
  if (!isRecord(entry) || Object.values(entry).some((value) => typeof value !== 'string')) {
    throw invalid(path, '__metadata__ is not a map of strings');
  }
  return entry as Record<string, string>;
}

function parseTensor(
  name: string,
  entry: unknown,
  body: Uint8Array<ArrayBuffer>,
  start: number,
  path: string,
): { tensor: WeightTensor; range: readonly [number, number] } {
  const { dtype, shape, data_offsets: range } = isRecord(entry) ? entry : {};
  const reader = typeof dtype === 'string' && Object.hasOwn(STORED_TYPES, dtype) ? STORED_TYPES[dtype] : undefined;
  if (!reader) throw invalid(path, `"${name}" has the unknown type ${JSON.stringify(dtype)}`);
  if (!isCounts(shape)) throw invalid(path, `"${name}" has no valid shape`);
  if (!isCounts(range) || range.length !== 2) throw invalid(path, `"${name}" has no valid data_offsets`);
  const [from, to] = range as [number, number];
  if (from > to || to > body.length) {
    throw invalid(path, `"${name}" would end at byte ${start + to} of ${start + body.length}`);
  }
  if (sizeOf(shape) * reader.bytes !== to - from) {
    throw invalid(path, `"${name}" has shape [${shape.join(', ')}] but ${to - from} bytes, at byte ${start + from}`);
  }
  const data = reader.view(body.subarray(from, to));
  return { tensor: { shape, strides: rowMajorStrides(shape), data }, range: [from, to] };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && (item as number) >= 0);
}

function invalid(path: string, reason: string, cause?: unknown): ShieldError {
  const expected = 'give a whole safetensors file; if it was downloaded, fetch it again';
  return new ShieldError('WEIGHTS_INVALID', { path, reason, expected }, { cause });
}
