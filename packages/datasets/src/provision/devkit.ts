import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { gunzip } from 'node:zlib';
import { promisify } from 'node:util';
import { memoryBytes, reasonOf, ShieldError, tarFiles } from '@shield/core';
import { readMatFile } from './mat-file.js';

export const DEVKIT = 'ILSVRC2012_devkit_t12';
const GROUND_TRUTH = 'ILSVRC2012_validation_ground_truth.txt';
const META = 'meta.mat';

/** Unpacked, the kit has a dozen megabytes. */
const MOST_BYTES = 64 << 20;

/**
 * The wnid of each validation image, in the order of their numbers, from the development kit of ILSVRC2012: its ground
 * truth holds the kit's own class ids (1-1000), meta.mat says which wnid each is.
 *
 * @param path the kit's archive, or the folder that it unpacks to
 * @throws ARCHIVE_CORRUPT, DATASET_INVALID
 */
export async function labelsOfDevkit(path: string, packed: boolean): Promise<string[]> {
  const files = packed ? await membersOf(path) : await filesOf(path);
  const invalid = (reason: string, cause?: unknown) =>
    new ShieldError(
      'DATASET_INVALID',
      {
        name: 'imagenet',
        reason: `${path}: ${reason}`,
        expected: `fetch ${DEVKIT}.tar.gz again, or put synset_labels.txt beside it`,
      },
      { cause },
    );
  const [meta, truth] = [files.get(META), files.get(GROUND_TRUTH)];
  if (!meta) throw invalid(`it holds no ${META}`);
  if (!truth) throw invalid(`it holds no ${GROUND_TRUTH}`);
  let wnids: ReadonlyMap<number, string>;
  try {
    wnids = wnidsOf(meta);
  } catch (error) {
    throw invalid(`${META}: ${reasonOf(error)}`, error);
  }
  const lines = truth.toString('latin1').split(/\r?\n/);
  if (lines.at(-1) === '') lines.pop();
  return lines.map((line, i) => {
    const wnid = wnids.get(Number(line.trim()));
    if (line.trim() === '' || wnid === undefined) {
      throw invalid(`${GROUND_TRUTH}, line ${i + 1}: "${line.slice(0, 20)}" is no class of ${META}`);
    }
    return wnid;
  });
}

/** The kit's class ids → wnids. @throws Error */
export function wnidsOf(meta: Buffer): ReadonlyMap<number, string> {
  const synsets = readMatFile(meta).get('synsets');
  if (synsets?.kind !== 'structs') throw new Error('it has no structure "synsets"');
  const wnids = new Map<number, string>();
  for (const { ILSVRC2012_ID: id, WNID: wnid } of synsets.records) {
    const [number] = id?.kind === 'numbers' ? id.values : [];
    if (number === undefined || wnid?.kind !== 'text') throw new Error('a synset lacks ILSVRC2012_ID or WNID');
    wnids.set(number, wnid.text.trim());
  }
  return wnids;
}

async function membersOf(path: string): Promise<Map<string, Buffer>> {
  const found = new Map<string, Buffer>();
  let bytes: Buffer;
  try {
    bytes = await promisify(gunzip)(await readFile(path), { maxOutputLength: MOST_BYTES });
  } catch (error) {
    throw new ShieldError('ARCHIVE_CORRUPT', { path, reason: reasonOf(error), offset: 0 }, { cause: error });
  }
  const source = memoryBytes(path, bytes);
  for await (const file of tarFiles(source)) {
    const name = basename(file.path);
    if (name !== META && name !== GROUND_TRUTH) continue;
    found.set(name, await source.read(file.offset, file.size));
  }
  return found;
}

async function filesOf(folder: string): Promise<Map<string, Buffer>> {
  const found = new Map<string, Buffer>();
  for (const name of [META, GROUND_TRUTH]) {
    const bytes = await readFile(join(folder, 'data', name)).catch(() => undefined);
    if (bytes) found.set(name, bytes);
  }
  return found;
}
