import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ShieldError, type ProvisionRequest, type Split } from '@shield/core';
import type { ImageList } from './image-list.js';
import { labelValidation } from './label-images.js';
import { imagesOfFolder } from './raw-folders.js';
import type { LabelledImage } from './raw-image.js';
import { imagesOfTrainTar, imagesOfValidationTar } from './raw-tars.js';

export const ARCHIVES: Readonly<Record<Split, string>> = {
  validation: 'ILSVRC2012_img_val.tar',
  train: 'ILSVRC2012_img_train.tar',
};

/** What a split may be called where it was unpacked. */
const FOLDERS: Readonly<Record<Split, readonly string[]>> = { validation: ['validation', 'val'], train: ['train'] };

/** Where the raw data of a split is. */
export interface RawSplit {
  readonly split: Split;
  readonly path: string;
  readonly packed: boolean;
}

/**
 * The splits that there is raw data of: an archive, else a folder that it was unpacked to.
 *
 * @throws PROVISION_NOTHING
 */
export function findRawData({ rawData, split, provisionOnly }: ProvisionRequest): RawSplit[] {
  const wanted: readonly Split[] = split ? [split] : ['validation', 'train'];
  const found = wanted.flatMap((one): RawSplit[] => {
    const archive = join(rawData, ARCHIVES[one]);
    if (existsSync(archive)) return [{ split: one, path: archive, packed: true }];
    if (provisionOnly) return [];
    const folder = FOLDERS[one].map((name) => join(rawData, name)).find((path) => existsSync(path));
    return folder === undefined ? [] : [{ split: one, path: folder, packed: false }];
  });
  if (found.length > 0) return found;
  const archives = wanted.map((one) => ARCHIVES[one]).join(' or ');
  const folders = provisionOnly ? '' : `, nor a folder ${wanted.flatMap((one) => FOLDERS[one]).join(' or ')}`;
  throw new ShieldError('PROVISION_NOTHING', {
    path: rawData,
    reason: `there is no ${archives}${folders}`,
    expected: 'put the published archives there, name their folder by --raw-data, or fetch them: --download URL',
  });
}

/**
 * The images of a split with their classes, listed and not read.
 *
 * @throws ARCHIVE_CORRUPT, PROVISION_NOTHING, DATASET_INVALID
 */
export async function listImages(
  { split, path, packed }: RawSplit,
  rawData: string,
  signal: AbortSignal,
): Promise<ImageList<LabelledImage>> {
  const nothing = (reason: string, expected: string) =>
    new ShieldError('PROVISION_NOTHING', { path, reason, expected });
  if (split === 'train') {
    const images: ImageList = packed ? await imagesOfTrainTar(path, signal) : await imagesOfFolder(path);
    if (images.length === 0) {
      throw nothing('it holds no images', packed ? 'an archive of archives: n01440764.tar …' : 'folders n01440764 …');
    }
    return images.labelled((i) => {
      throw nothing(`${images.name(i)} stands in no folder of a class`, 'folders n01440764 … hold the images');
    });
  }
  const images = packed ? await imagesOfValidationTar(path, signal) : await imagesOfFolder(path);
  if (images.length === 0) throw nothing('it holds no images', 'ILSVRC2012_val_00000001.JPEG … stand in it');
  return labelValidation(images, rawData);
}
