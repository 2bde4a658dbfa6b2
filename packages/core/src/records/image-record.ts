import { endianness } from 'node:os';
import { basename } from 'node:path';
import { decodeImage } from '../images/decode.js';
import type { InverseDct } from '../jpeg/index.js';
import { reasonOf, ShieldError } from '../errors/index.js';
import type { Image } from '../plugin/contracts.js';
import { decodeExample, encodeExample, type Feature, type Features } from './example.js';

/*
 * Images in TFRecords. The keys of the original (image/filename, image/encoded, image/height, image/width,
 * image/class/label; the pixels row by row, RGB, uint8 or float32 little endian) and, beside them, what it left to the
 * reader to know: image/dtype ("uint8", "float32"), image/range ("0,255", "0,1", "-1,1") and image/channels (3).
 */

export interface ImageRecord {
  readonly id: string;
  /** As written: our own records hold the dataset's numbering, the original's one with a background class 0. */
  readonly label: number;
  readonly image: Image;
}

/** Where a record stands, for error messages. */
export interface RecordPlace {
  readonly path: string;
  readonly offset: number;
}

/** The range of stored samples: floats in [-1, 1] or [0, 1], floats or bytes in 0-255; or what the record says. */
export type StoredRange = 'auto' | '-1,1' | '0,1' | '0,255';

export const FILENAME = 'image/filename';
export const LABEL = 'image/class/label';

/** @param record floats are in [0, 1], and stored without loss */
export async function encodeImageRecord({ id, label, image }: ImageRecord): Promise<Uint8Array> {
  const { data, height, width } = image;
  const bytes = data instanceof Uint8Array;
  return encodeExample({
    'image/filename': text(id),
    'image/encoded': { kind: 'bytes', values: [bytes ? data : littleEndian(data)] },
    'image/height': int(height),
    'image/width': int(width),
    'image/channels': int(3),
    'image/dtype': text(bytes ? 'uint8' : 'float32'),
    'image/range': text(bytes ? '0,255' : '0,1'),
    'image/class/label': int(label),
  });
}

/**
 * A record in the form of the original (Das et al. 2018, shield/utils/io.py): its five keys and no other, floats
 * written as float32 in [-1, 1].
 *
 * @param label as it is to be written: the original counts from 1, 0 being the background class
 */
export async function encodeOriginalRecord({ id, label, image }: ImageRecord): Promise<Uint8Array> {
  const { data, height, width } = image;
  const signed = data instanceof Uint8Array ? data : littleEndian(data.map((value) => 2 * value - 1));
  return encodeExample({
    [FILENAME]: text(id),
    'image/encoded': { kind: 'bytes', values: [signed] },
    'image/height': int(height),
    'image/width': int(width),
    [LABEL]: int(label),
  });
}

/**
 * Reads our own records and the original's: where dtype and range are not written, the number of bytes tells uint8
 * from float32, which the original keeps in [-1, 1] and which becomes (x + 1) / 2 here. An `image/encoded` that is a
 * JPEG or PNG file (ImageNet's records) is decoded.
 *
 * @param range what the samples are declared to be; a record that says or holds something else is refused
 * @param idct how JPEG files are decoded: see decodeImage
 * @throws RECORD_CORRUPT for anything that is not such a record, IMAGE_CORRUPT for a JPEG or PNG that is damaged
 */
export async function decodeImageRecord(
  record: Uint8Array,
  place: RecordPlace = { path: 'the record', offset: 0 },
  range: StoredRange = 'auto',
  idct: InverseDct = 'islow',
): Promise<ImageRecord> {
  const { path, offset } = place;
  try {
    const features = await decodeExample(record);
    const id = nameOf(features) ?? `${basename(path)}@${offset}`;
    return { id, label: labelOf(features), image: await pixels(features, id, place, range, idct) };
  } catch (error) {
    if (error instanceof ShieldError) throw error;
    throw new ShieldError('RECORD_CORRUPT', { path, reason: reasonOf(error), offset }, { cause: error });
  }
}

async function pixels(
  features: Features,
  id: string,
  { path, offset }: RecordPlace,
  range: StoredRange,
  idct: InverseDct,
): Promise<Image> {
  const encoded = bytesOf(features, 'image/encoded');
  if (imageFormat(encoded) && !('image/dtype' in features)) {
    if (range !== 'auto' && range !== '0,255') throw new Error(`an image file has no range of ${range}`);
    return decodeImage(encoded, id, `${path} at byte ${offset}`, idct);
  }
  const height = intOf(features, 'image/height');
  const width = intOf(features, 'image/width');
  const samples = height * width * 3;
  const dtype = textOf(features, 'image/dtype') ?? (encoded.length === samples ? 'uint8' : 'float32');
  const size = dtype === 'uint8' ? 1 : 4;
  if (height < 1 || width < 1 || encoded.length !== samples * size) {
    throw new Error(`${encoded.length} bytes do not make ${height}×${width}×3 samples of ${dtype}`);
  }
  const said = textOf(features, 'image/range') ?? (size === 1 ? '0,255' : undefined);
  if (said !== undefined && range !== 'auto' && said !== range) {
    throw new Error(`its ${dtype} samples are in ${said} and not in ${range}`);
  }
  if (size === 1) return { data: Uint8Array.from(encoded), height, width };
  return { data: toUnit(floats(encoded), range === 'auto' ? (said ?? '-1,1') : range), height, width };
}

/** Brings floats of another range to [0, 1], in place. */
function toUnit(data: Float32Array, range: string): Float32Array {
  if (range === '-1,1') for (let i = 0; i < data.length; i++) data[i] = (data[i]! + 1) / 2;
  else if (range === '0,255') for (let i = 0; i < data.length; i++) data[i] = data[i]! / 255;
  else if (range !== '0,1') throw new Error(`the range ${range} is not known`);
  return data;
}

/** Which image file it is, by its first bytes: JPEG's SOI and a marker, or PNG's signature. */
export function imageFormat(bytes: Uint8Array): 'jpeg' | 'png' | undefined {
  const starts = (...signature: number[]) => signature.every((value, i) => bytes[i] === value);
  if (starts(0xff, 0xd8, 0xff)) return 'jpeg';
  return starts(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a) ? 'png' : undefined;
}

/** image/filename, or undefined where there is none. */
export function nameOf(features: Features): string | undefined {
  return FILENAME in features ? textOf(features, FILENAME) || undefined : undefined;
}

/** @throws Error where the record has no image/class/label */
export function labelOf(features: Features): number {
  return intOf(features, LABEL);
}

function littleEndian(data: Float32Array): Uint8Array {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return endianness() === 'LE' ? bytes : Buffer.from(bytes).swap32();
}

function floats(bytes: Uint8Array): Float32Array {
  const own = new Uint8Array(bytes); // a copy, since the bytes of a record seldom lie on a multiple of four
  if (endianness() === 'BE') Buffer.from(own.buffer).swap32();
  return new Float32Array(own.buffer);
}

function text(value: string): Feature {
  return { kind: 'bytes', values: [Buffer.from(value, 'utf8')] };
}

function int(value: number): Feature {
  return { kind: 'int64', values: [value] };
}

function bytesOf(features: Features, key: string): Uint8Array {
  const feature = features[key];
  const [value] = feature?.kind === 'bytes' ? feature.values : [];
  if (!value) throw new Error(`the record has no ${key}`);
  return value;
}

function intOf(features: Features, key: string): number {
  const feature = features[key];
  const [value] = feature?.kind === 'int64' ? feature.values : [];
  if (value === undefined) throw new Error(`the record has no ${key}`);
  return value;
}

function textOf(features: Features, key: string): string | undefined {
  return key in features ? Buffer.from(bytesOf(features, key)).toString('utf8') : undefined;
}
