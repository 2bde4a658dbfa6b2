import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join, parse, relative, sep } from 'node:path';
import { parseCsv, reasonOf, ShieldError, systemCode, type LoadContext } from '@shield/core';
import type { LabelledFile } from './file-dataset.js';
import { labelling, type Labelling } from './labels.js';

const IMAGE_FILE = /\.(jpe?g|png|webp|gif|tiff?|avif)$/i;

export interface Listed {
  readonly files: readonly LabelledFile[];
  readonly classNames?: readonly string[];
}

type Classes = Readonly<Record<string, number>> | readonly string[];

/** Every image below `root/CLASS/`, by class folder and then by path. */
export async function filesByClassFolder(root: string, { classes }: { readonly classes: Classes }): Promise<Listed> {
  const entries = await list(root);
  const folders = (
    await Promise.all(entries.map(async (name) => ((await isFolder(join(root, name))) ? [name] : [])))
  ).flat();
  if (folders.length === 0) {
    const loose = entries.filter((name) => IMAGE_FILE.test(name)).length;
    const reason = loose > 0 ? `${loose} images, but no class folders, and no csv is named` : 'no class folders found';
    throw new ShieldError('DATASET_EMPTY', { reason: `${reason} in ${root}` });
  }
  const known = labelling(new Set(folders), classes);
  const files: { label: number; path: string }[] = [];
  for (const folder of folders) {
    const label = known.index(folder);
    if (label === undefined) throw unknownClass(folder, `the folder ${join(root, folder)}`);
    for (const path of await imagesBelow(join(root, folder))) files.push({ label, path });
  }
  return { files: withIds(root, files), ...named(known) };
}

export interface CsvOptions {
  readonly csv: string;
  readonly images: string;
  readonly image_column: string;
  readonly label_column: string;
  readonly label_offset: number;
  readonly extension: string;
  readonly classes: Classes;
}

/** The images that a csv lists, in its order. A file that is not there is found out when it is loaded. */
export async function filesByCsv(root: string, options: CsvOptions, context: LoadContext): Promise<Listed> {
  await list(root);
  const path = join(root, options.csv);
  const text = await readText(path);
  context.opened(path, createHash('sha256').update(text).digest('hex'));
  const invalid = (reason: string, expected: string, cause?: unknown) =>
    new ShieldError('DATASET_INVALID', { reason: `${path}: ${reason}`, expected }, { cause });
  let table: ReturnType<typeof parseCsv>;
  try {
    table = parseCsv(text);
  } catch (error) {
    throw invalid(reasonOf(error), 'mend the csv', error);
  }
  for (const column of [options.image_column, options.label_column]) {
    if (table.header.includes(column)) continue;
    throw invalid(
      `it has no column "${column}"`,
      `set image_column and label_column; it has ${table.header.join(', ')}`,
    );
  }
  const words = table.rows.map((row) => row.get(options.label_column)!.trim());
  const known = labelling(new Set(words.filter((word) => !isNumber(word))), options.classes);
  const folder = join(root, options.images);
  const files = table.rows.map((row, i) => {
    const word = words[i]!;
    const label = isNumber(word) ? Number(word) + options.label_offset : known.index(word);
    const image = row.get(options.image_column)!.trim();
    if (image === '') throw invalid(`row ${i + 1} names no image`, 'mend the csv');
    if (label === undefined) throw unknownClass(word, path);
    const file = join(folder, image + options.extension);
    if (relative(folder, file).split(sep)[0] === '..') {
      throw invalid(
        `row ${i + 1} names a file outside of ${folder}: ${image}`,
        'mend the csv, or set images to another folder',
      );
    }
    return { label, path: file };
  });
  return { files: withIds(folder, files), ...(words.some((word) => !isNumber(word)) ? named(known) : {}) };
}

function isNumber(word: string): boolean {
  return /^-?\d+$/.test(word);
}

function named({ classNames }: Labelling): { classNames?: readonly string[] } {
  return classNames ? { classNames } : {};
}

/** Names without extension, or paths below `root` where two would be the same. */
function withIds(root: string, files: readonly { label: number; path: string }[]): LabelledFile[] {
  const short = files.map((file) => parse(file.path).name);
  const unique = new Set(short).size === files.length;
  return files.map((file, i) => ({ ...file, id: unique ? short[i]! : relative(root, file.path).split(sep).join('/') }));
}

async function imagesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory() && IMAGE_FILE.test(entry.name) && !entry.name.startsWith('.'))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/** Names in a folder, without hidden ones, in the order of their characters' codes: the same on every machine. */
async function list(root: string): Promise<string[]> {
  try {
    return (await readdir(root)).filter((name) => !name.startsWith('.')).sort();
  } catch (error) {
    throw missing(root, error, 'check dataset.path; it is taken relative to the spec, then to the working directory');
  }
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw missing(path, error, 'check dataset.csv; it is taken relative to dataset.path');
  }
}

function missing(path: string, error: unknown, expected: string): ShieldError {
  const why = systemCode(error) === 'ENOENT' ? '' : ` (${reasonOf(error)})`;
  return new ShieldError('DATASET_MISSING', { path: `${path}${why}`, expected }, { cause: error });
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
}

function unknownClass(word: string, where: string): ShieldError {
  return new ShieldError('DATASET_INVALID', {
    reason: `"${word}" (${where}) is no class`,
    expected: `give its number: classes: { ${word}: 0 }`,
  });
}
