import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { reasonOf, ShieldError } from '../errors/index.js';
import { decodeExample, type Feature, type Features } from './example.js';
import { HEADER, openForReading, packingOf, readAt, type Packing } from './framing.js';
import { decodeImageRecord, imageFormat, LABEL, nameOf } from './image-record.js';
import { missingShards, recordFiles } from './record-files.js';
import { scanRecords } from './tfrecord.js';

/** Least and most of what was counted. */
export interface Range {
  readonly least: number;
  readonly most: number;
}

export interface FeatureSummary {
  readonly kind: Feature['kind'];
  /** Records that have it. */
  readonly records: number;
  /** Values in a record. */
  readonly values: Range;
}

export interface RecordsSummary {
  readonly files: number;
  /** Shards that the names of the others promise. */
  readonly missing: readonly string[];
  readonly bytes: number;
  readonly packing: Readonly<Partial<Record<Packing, number>>>;
  readonly records: number;
  readonly features: Readonly<Record<string, FeatureSummary>>;
  /** How the pixels are stored ("JPEG", "uint8 in 0,255", "float32, range not said"), and in how many records. */
  readonly forms: Readonly<Record<string, number>>;
  readonly labels?: Range & { readonly classes: number };
  readonly height?: Range;
  readonly width?: Range;
  /** Of the first float image of each file. */
  readonly values?: Range;
  readonly first: readonly string[];
  /** Records that cannot be used. */
  readonly damaged: number;
  /** The first of them, in words with file and byte. */
  readonly damages: readonly string[];
}

/** Of damaged records and of names, as many are told. */
const TOLD = 10;
const NAMES = 2;

/**
 * Reads all records of the files that paths, folders or globs name, checks their checksums, and tells what stands in
 * them. What is damaged is counted and named, and does not end it.
 *
 * @param decode also decode every image
 * @throws DATASET_MISSING where there are no files
 */
export async function inspectRecords(
  named: readonly string[],
  { decode = false, progress = () => undefined }: { decode?: boolean; progress?: (records: number) => void } = {},
): Promise<RecordsSummary> {
  const paths: string[] = [];
  for (const path of named) {
    const files = await recordFiles(path);
    if (files.paths.length === 0) {
      const expected = 'name a TFRecord file, a folder of them, or a glob (data/validation/validation-*)';
      throw new ShieldError('DATASET_MISSING', { name: 'tfrecord', path, expected });
    }
    paths.push(...files.paths);
  }
  const missing = missingShards(paths.map((path) => basename(path)));
  const found = new Findings(decode);
  let bytes = 0;
  const packing: Partial<Record<Packing, number>> = {};
  for (const one of paths) {
    bytes += (await stat(one)).size;
    const packed = await packingOfFile(one);
    packing[packed] = (packing[packed] ?? 0) + 1;
    let index = 0;
    for await (const record of scanRecords(one)) {
      if ('damage' in record) found.damage(record.damage.message);
      else await found.add(one, record.offset, record.data, index++);
      progress(found.records);
    }
  }
  return { files: paths.length, missing, bytes, packing, ...found.summary() };
}

async function packingOfFile(path: string): Promise<Packing> {
  const file = await openForReading(path);
  try {
    return packingOf(await readAt(file, 0, HEADER));
  } finally {
    await file.close();
  }
}

class Findings {
  records = 0;
  readonly #features = new Map<string, { kind: Feature['kind']; records: number; values: Range }>();
  readonly #forms = new Map<string, number>();
  readonly #labels = new Set<number>();
  readonly #ranges = new Map<'height' | 'width' | 'values', Range>();
  readonly #first: string[] = [];
  readonly #damages: string[] = [];
  #damaged = 0;

  constructor(private readonly decode: boolean) {}

  damage(message: string): void {
    this.#damaged++;
    if (this.#damages.length < TOLD) this.#damages.push(message);
  }

  async add(path: string, offset: number, data: Uint8Array, index: number): Promise<void> {
    this.records++;
    let features: Features;
    try {
      features = await decodeExample(data);
    } catch (error) {
      this.damage(`${path}: ${reasonOf(error)} at byte ${offset}`);
      return;
    }
    for (const [key, feature] of Object.entries(features)) this.#count(key, feature);
    const [label] = features[LABEL]?.values ?? [];
    if (typeof label === 'number') this.#labels.add(label);
    for (const side of ['height', 'width'] as const) {
      const [size] = features[`image/${side}`]?.values ?? [];
      if (typeof size === 'number') this.#widen(side, size);
    }
    if (this.#first.length < NAMES) this.#first.push(nameOf(features) ?? `${basename(path)}@${offset}`);
    const form = formOf(features);
    if (form === undefined) return;
    this.#forms.set(form, (this.#forms.get(form) ?? 0) + 1);
    if (index === 0 && form.startsWith('float32')) {
      for (const value of floatsOf(features)) if (!Number.isNaN(value)) this.#widen('values', value);
    }
    if (!this.decode) return;
    await decodeImageRecord(data, { path, offset }).catch((error: unknown) => {
      this.damage(`${path}: ${reasonOf(error)} at byte ${offset}`);
    });
  }

  summary(): Omit<RecordsSummary, 'files' | 'missing' | 'bytes' | 'packing'> {
    const labels = [...this.#labels];
    const all = labels.reduce<Range | undefined>((range, label) => widened(range, label), undefined);
    return {
      records: this.records,
      features: Object.fromEntries([...this.#features].sort(([a], [b]) => (a < b ? -1 : 1))),
      forms: Object.fromEntries(this.#forms),
      ...(all ? { labels: { ...all, classes: labels.length } } : {}),
      ...Object.fromEntries(this.#ranges),
      first: this.#first,
      damaged: this.#damaged,
      damages: this.#damages,
    };
  }

  #count(key: string, { kind, values }: Feature): void {
    const known = this.#features.get(key);
    if (!known) this.#features.set(key, { kind, records: 1, values: widened(undefined, values.length) });
    else {
      known.records++;
      known.values = widened(known.values, values.length);
    }
  }

  #widen(of: 'height' | 'width' | 'values', value: number): void {
    this.#ranges.set(of, widened(this.#ranges.get(of), value));
  }
}

function widened(range: Range | undefined, value: number): Range {
  return range
    ? { least: Math.min(range.least, value), most: Math.max(range.most, value) }
    : { least: value, most: value };
}

function formOf(features: Features): string | undefined {
  const encoded = bytesAt(features, 'image/encoded');
  if (!encoded) return undefined;
  const dtype = textAt(features, 'image/dtype');
  const format = dtype === undefined ? imageFormat(encoded) : undefined;
  if (format) return format.toUpperCase();
  const samples = Number(features['image/height']?.values[0]) * Number(features['image/width']?.values[0]) * 3;
  const stored =
    dtype ?? (encoded.length === samples ? 'uint8' : encoded.length === 4 * samples ? 'float32' : undefined);
  if (stored === undefined) return 'no image that is known';
  const range = textAt(features, 'image/range') ?? (stored === 'uint8' ? '0,255' : undefined);
  return range === undefined ? `${stored}, range not said` : `${stored} in ${range}`;
}

function floatsOf(features: Features): Float32Array {
  const own = new Uint8Array(bytesAt(features, 'image/encoded')!);
  return new Float32Array(own.buffer, 0, Math.floor(own.length / 4));
}

function bytesAt(features: Features, key: string): Uint8Array | undefined {
  const feature = features[key];
  return feature?.kind === 'bytes' ? feature.values[0] : undefined;
}

function textAt(features: Features, key: string): string | undefined {
  const bytes = bytesAt(features, key);
  return bytes && Buffer.from(bytes).toString('utf8');
}
