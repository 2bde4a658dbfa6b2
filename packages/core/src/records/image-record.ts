import { endianness } from 'node:os';
import { decodeImage } from '../images/decode.js';
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
 * Reads our own records and the original's: where dtype and range are not written, the number of bytes tells uint8
 * from float32, which the original keeps in [-1, 1] and which becomes (x + 1) / 2 here. An `image/encoded` that is a
 * JPEG or PNG file (ImageNet's records) is decoded.
 *
 * @throws RECORD_CORRUPT for anything that is not such a record
 */
export async function decodeImageRecord(
  record: Uint8Array,
  { path, offset }: RecordPlace = { path: 'the record', offset: 0 },
): Promise<ImageRecord> {
  try {
    const features = await decodeExample(record);
    const id = Buffer.from(bytesOf(features, 'image/filename')).toString('utf8');
    return { id, label: intOf(features, 'image/class/label'), image: await pixels(features, id, path) };
  } catch (error) {
    if (error instanceof ShieldError) throw error;
    throw new ShieldError('RECORD_CORRUPT', { path, reason: reasonOf(error), offset }, { cause: error });
  }
}

async function pixels(features: Features, id: string, path: string): Promise<Image> {
  const encoded = bytesOf(features, 'image/encoded');
  if (isImageFile(encoded) && !('image/dtype' in features)) return decodeImage(encoded, id, path);
  const height = intOf(features, 'image/height');
  const width = intOf(features, 'image/width');
  const samples = height * width * 3;
  const dtype = textOf(features, 'image/dtype') ?? (encoded.length === samples ? 'uint8' : 'float32');
  const size = dtype === 'uint8' ? 1 : 4;
  if (height < 1 || width < 1 || encoded.length !== samples * size) {
    throw new Error(`${encoded.length} bytes do not make ${height}×${width}×3 samples of ${dtype}`);
  }
  if (size === 1) return { data: Uint8Array.from(encoded), height, width };
  const data = floats(encoded);
  const range = textOf(features, 'image/range') ?? '-1,1';
  if (range === '-1,1') for (let i = 0; i < data.length; i++) data[i] = (data[i]! + 1) / 2;
  else if (range !== '0,1') throw new Error(`the range ${range} is not known`);
  return { data, height, width };
}

/** By its first bytes: JPEG's SOI and a marker, or PNG's signature. */
function isImageFile(bytes: Uint8Array): boolean {
  const starts = (...signature: number[]) => signature.every((value, i) => bytes[i] === value);
  return starts(0xff, 0xd8, 0xff) || starts(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
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
