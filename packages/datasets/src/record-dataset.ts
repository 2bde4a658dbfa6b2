import { createHash } from 'node:crypto';
import {
  chooseItems,
  decodeImageRecord,
  indexRecords,
  RecordSource,
  recordFiles,
  reasonOf,
  ShieldError,
  type Dataset,
  type Image,
  type IndexedRecord,
  type LoadContext,
  type Preprocess,
  type StoredRange,
} from '@shield/core';
import { classNumber } from './labels.js';

export interface RecordDatasetOptions {
  /** File, folder or glob. */
  readonly path: string;
  /** Of a folder, the files that match it; default all. */
  readonly pattern?: string;
  readonly range: StoredRange;
  /** Added to the label of a record. */
  readonly label_offset: number;
}

/** Of the options that all datasets share, those that decide how much must be listed, and how files are decoded. */
interface CommonOptions {
  readonly limit?: number;
  readonly skip?: number;
  readonly shuffle?: boolean;
  readonly only_ids?: readonly string[] | string;
  readonly only_classes?: readonly unknown[];
  readonly preprocess?: Pick<Preprocess, 'idct'>;
}

/** Files listed at a time. */
const AT_ONCE = 8;

/**
 * The dataset that the records of some files make, after what `options` says of classes, ids, shuffle, skip and limit.
 * Opening it lists the records (names and labels, no pixels); each is read, checked and decoded when it is loaded.
 *
 * @throws DATASET_MISSING, DATASET_EMPTY, DATASET_INVALID, RECORD_CORRUPT
 */
export async function recordDataset(
  name: string,
  options: RecordDatasetOptions,
  context: LoadContext,
  classNames?: readonly string[],
): Promise<Dataset> {
  const path = context.resolvePath(options.path);
  const { paths, missing } = await recordFiles(path, options.pattern);
  if (paths.length === 0) {
    const expected = 'check dataset.path: a TFRecord file, a folder of them, or a glob such as validation-*';
    throw new ShieldError('DATASET_MISSING', { name, path, expected });
  }
  if (missing.length > 0) {
    const more = missing.length > 1 ? ` and ${missing.length - 1} more` : '';
    context.warn(`${name}: the shard ${missing[0]!}${more} is not there; the others are used`);
  }
  const records = (await listRecords(paths, limitOf(options), context)).map((record) => ({
    ...record,
    label: record.label + options.label_offset,
  }));
  refuseTwins(name, records);
  const chosen = await chooseItems(records, options, context, {
    name,
    of: (record) => record,
    classNumber: classNumber(classNames),
  });
  const shuffled = (options as { shuffle?: boolean }).shuffle === true;
  if (shuffled && chosen.some((record) => record.packed)) {
    context.warn(`${name}: packed files can only be read in order; shuffled, they are unpacked again and again`);
  }
  for (const file of new Set(chosen.map((record) => record.path))) context.opened(file);
  return {
    size: chosen.length,
    ...(classNames ? { classNames } : {}),
    // Its files are looked after since they were opened; there may be others now.
    unchanged: async () => {
      const now = await recordFiles(path, options.pattern);
      return now.paths.join('\n') === paths.join('\n');
    },
    fingerprint: () => Promise.resolve(fingerprintOf(chosen, options.range)),
    async *items() {
      const source = new RecordSource();
      for (const record of chosen) {
        const { id, label } = record;
        const place = `${record.path} at byte ${record.offset}`;
        yield { id, label, path: place, load: () => load(source, record, place, options) };
      }
    },
  };
}

/** How many records are enough, where neither order nor choice asks for all. */
function limitOf(options: object): number {
  const { limit = 0, skip = 0, shuffle = false, only_ids = [], only_classes = [] } = options as CommonOptions;
  const all = limit === 0 || shuffle || only_ids.length > 0 || only_classes.length > 0;
  return all ? Infinity : limit + skip;
}

/** The records of all files in the order of the files, several files being listed at a time. */
async function listRecords(
  paths: readonly string[],
  enough: number,
  context: LoadContext,
): Promise<readonly IndexedRecord[]> {
  const listed: IndexedRecord[] = [];
  // With a limit, later files are seldom needed.
  const step = enough === Infinity ? AT_ONCE : 1;
  for (let start = 0; start < paths.length && listed.length < enough; start += step) {
    context.signal.throwIfAborted();
    const some = await Promise.all(paths.slice(start, start + step).map((path) => listFile(path, enough)));
    for (const records of some) for (const record of records) listed.push(record);
  }
  return listed.slice(0, enough);
}

async function listFile(path: string, enough: number): Promise<IndexedRecord[]> {
  const records: IndexedRecord[] = [];
  for await (const record of indexRecords(path)) {
    records.push(record);
    if (records.length >= enough) break;
  }
  return records;
}

function refuseTwins(name: string, records: readonly IndexedRecord[]): void {
  const seen = new Map<string, IndexedRecord>();
  for (const record of records) {
    const twin = seen.get(record.id);
    if (twin) {
      throw new ShieldError('DATASET_INVALID', {
        name,
        reason: `two images are named ${record.id}: ${twin.path} at byte ${twin.offset}, ${record.path} at byte ${record.offset}`,
        expected: 'name files that hold each image once (of several draws, export one)',
      });
    }
    seen.set(record.id, record);
  }
}

async function load(
  source: RecordSource,
  record: IndexedRecord,
  place: string,
  { range, label_offset, preprocess }: RecordDatasetOptions & CommonOptions,
): Promise<Image> {
  try {
    const read = await decodeImageRecord(await source.load(record), record, range, preprocess?.idct);
    if (read.id !== record.id || read.label + label_offset !== record.label) {
      throw new Error(`it names ${read.id} with another label or name than its listing`);
    }
    return read.image;
  } catch (error) {
    if (error instanceof ShieldError && error.code === 'IMAGE_CORRUPT') throw error;
    // A damaged record is one image less, as a damaged file is: dataset.on_corrupt decides.
    throw new ShieldError('IMAGE_CORRUPT', { id: record.id, reason: reasonOf(error), path: place }, { cause: error });
  }
}

/** Names, labels, lengths and checksums of the records as the files hold them, and what makes pixels of them. */
function fingerprintOf(records: readonly IndexedRecord[], range: StoredRange): string {
  const hash = createHash('sha256').update(`records ${range}\n`);
  for (const { id, label, length, crc } of records) hash.update(`${JSON.stringify([id, label, length, crc])}\n`);
  return hash.digest('hex');
}
