import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { reasonOf, ShieldError } from '@shield/core';
import { DEVKIT, labelsOfDevkit } from './devkit.js';
import type { ImageList } from './image-list.js';
import { isWnid, type LabelledImage } from './raw-image.js';

export const LABELS_FILE = 'synset_labels.txt';
const NUMBERED = /^ILSVRC2012_val_(\d{8})\.JPEG$/i;

/**
 * Gives validation images their classes: those of the folders they stand in, else the lines of `synset_labels.txt`
 * (one wnid a line), else the development kit's. Line n is that of image ILSVRC2012_val_0000000n; where the images have
 * other names, there must be as many lines, for the images in the order of their names.
 *
 * @throws PROVISION_NOTHING where there are no labels, DATASET_INVALID where they do not fit, ARCHIVE_CORRUPT
 */
export async function labelValidation(images: ImageList, rawData: string): Promise<ImageList<LabelledImage>> {
  if (everyIndex(images, (i) => images.wnid(i) !== undefined)) return images as ImageList<LabelledImage>;
  const { path, wnids } = await validationLabels(rawData);
  const number = (i: number) => Number(NUMBERED.exec(images.name(i))?.[1] ?? NaN);
  if (everyIndex(images, (i) => number(i) >= 1 && number(i) <= wnids.length)) {
    return images.labelled((i) => wnids[number(i) - 1]!);
  }
  if (wnids.length !== images.length) {
    throw new ShieldError('DATASET_INVALID', {
      name: 'imagenet',
      reason: `${path} has ${wnids.length} lines for ${images.length} validation images`,
      expected: 'a line for each image, or images named ILSVRC2012_val_00000001.JPEG whose numbers are the lines',
    });
  }
  const place = new Uint32Array(images.length);
  images.byName().forEach((i, at) => (place[i] = at));
  return images.labelled((i) => wnids[place[i]!]!);
}

function everyIndex({ length }: ImageList, holds: (i: number) => boolean): boolean {
  for (let i = 0; i < length; i++) if (!holds(i)) return false;
  return true;
}

async function validationLabels(rawData: string): Promise<{ path: string; wnids: string[] }> {
  const path = join(rawData, LABELS_FILE);
  if (existsSync(path)) return { path, wnids: await linesOf(path) };
  const packed = join(rawData, `${DEVKIT}.tar.gz`);
  if (existsSync(packed)) return { path: packed, wnids: await labelsOfDevkit(packed, true) };
  const folder = join(rawData, DEVKIT);
  if (existsSync(folder)) return { path: folder, wnids: await labelsOfDevkit(folder, false) };
  throw new ShieldError('PROVISION_NOTHING', {
    path: rawData,
    reason: 'the labels of the validation images are not there',
    expected: `put ${DEVKIT}.tar.gz there (it comes with the images), or ${LABELS_FILE}: a wnid a line`,
  });
}

async function linesOf(path: string): Promise<string[]> {
  let text: string;
  try {
    text = await readFile(path, 'latin1');
  } catch (error) {
    const expected = 'check that you may read it';
    throw new ShieldError('PROVISION_NOTHING', { path, reason: reasonOf(error), expected }, { cause: error });
  }
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  while (lines.at(-1) === '') lines.pop();
  const bad = lines.findIndex((line) => !isWnid(line));
  if (bad >= 0) {
    throw new ShieldError('DATASET_INVALID', {
      name: 'imagenet',
      reason: `${path}, line ${bad + 1}: "${lines[bad]!.slice(0, 20)}" is no wnid`,
      expected: 'a wnid a line, such as n01440764, in the order of the validation images',
    });
  }
  return lines;
}
