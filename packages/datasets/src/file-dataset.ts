import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { chooseItems, decodeImage, fileStamp, type Dataset, type LoadContext, type Preprocess } from '@shield/core';
import { classNumber } from './labels.js';

/** An image file with its label. */
export interface LabelledFile {
  readonly id: string;
  readonly label: number;
  readonly path: string;
}

/** Of the options that all datasets share, those that say how a file is decoded. */
interface CommonOptions {
  readonly preprocess?: Pick<Preprocess, 'idct'>;
}

/** Up to here files are named by their content, beyond by size and time of change. */
const MOST_HASHED = 5000;
const AT_ONCE = 8;

/**
 * The dataset that a list of files makes, after what `options` says of classes, ids, shuffle, skip, limit and
 * `preprocess.idct`.
 *
 * @throws DATASET_EMPTY, DATASET_INVALID, DATASET_MISSING as `chooseItems`; a file's `load()` throws IMAGE_CORRUPT
 */
export async function fileDataset(
  name: string,
  files: readonly LabelledFile[],
  options: object,
  context: LoadContext,
  classNames?: readonly string[],
): Promise<Dataset> {
  const chosen = await chooseItems(files, options, context, {
    name,
    of: (file) => file,
    classNumber: classNumber(classNames),
  });
  const { idct } = (options as CommonOptions).preprocess ?? {};
  const stamp = stampOf(chosen);
  let fingerprint: Promise<string> | undefined;
  return {
    size: chosen.length,
    ...(classNames ? { classNames } : {}),
    unchanged: () => stampOf(chosen) === stamp,
    fingerprint: () => (fingerprint ??= fingerprintOf(chosen, context)),
    async *items() {
      for (const file of chosen) yield { ...file, load: () => decodeImage(file.path, file.id, file.path, idct) };
    },
  };
}

/** Of all files together. */
function stampOf(files: readonly LabelledFile[]): string {
  const hash = createHash('sha256');
  for (const { path } of files) hash.update(`${fileStamp(path)}\n`);
  return hash.digest('hex');
}

async function fingerprintOf(files: readonly LabelledFile[], context: LoadContext): Promise<string> {
  const byContent = files.length <= MOST_HASHED;
  if (!byContent) {
    context.log(
      `${files.length} images: known by file size and time of change, not by content (beyond ${MOST_HASHED})`,
    );
  }
  const hash = createHash('sha256').update(byContent ? 'content' : 'size and time');
  for (let start = 0; start < files.length; start += AT_ONCE) {
    context.signal.throwIfAborted();
    const some = files.slice(start, start + AT_ONCE);
    const names = await Promise.all(some.map(({ path }) => (byContent ? contentOf(path) : statusOf(path))));
    some.forEach(({ id, label }, i) => hash.update(`${JSON.stringify([id, label, names[i]])}\n`));
  }
  return hash.digest('hex');
}

async function contentOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  try {
    for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  } catch {
    return 'unreadable'; // load() will say why, or leave the image out where the spec says so
  }
  return hash.digest('hex');
}

async function statusOf(path: string): Promise<string> {
  const status = await stat(path).catch(() => undefined);
  return status ? `${status.size} ${status.mtimeMs}` : 'unreadable';
}
