import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { reasonOf, ShieldError } from '@shield/core';
import { IMAGE_FILE, isHidden, isWnid, type RawImage } from './raw-image.js';

/** Files looked at at a time. */
const AT_ONCE = 32;

/**
 * The images of a split that was unpacked: `folder/n01440764/n01440764_10026.JPEG`, or of the validation images also
 * `folder/ILSVRC2012_val_00000001.JPEG`. Looks one folder deep and no deeper.
 *
 * @throws PROVISION_NOTHING where the folder cannot be read
 */
export async function imagesOfFolder(folder: string): Promise<RawImage[]> {
  const images: RawImage[] = [];
  const names = await list(folder);
  for (const image of await sized(
    folder,
    names.filter((name) => IMAGE_FILE.test(name)),
  ))
    images.push(image);
  for (const wnid of names.filter(isWnid)) {
    const within = join(folder, wnid);
    const files = (await list(within)).filter((name) => IMAGE_FILE.test(name));
    for (const image of await sized(within, files)) images.push({ ...image, wnid });
  }
  return images;
}

async function sized(folder: string, names: readonly string[]): Promise<RawImage[]> {
  const images: RawImage[] = [];
  for (let start = 0; start < names.length; start += AT_ONCE) {
    const some = names.slice(start, start + AT_ONCE).map(async (name) => {
      const path = join(folder, name);
      const { size } = await stat(path).catch((error: unknown) => Promise.reject(unreadable(path, error)));
      return { name, path, offset: 0, size };
    });
    images.push(...(await Promise.all(some)));
  }
  return images;
}

async function list(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((error: unknown) => Promise.reject(unreadable(folder, error)));
  return names.filter((name) => !isHidden(name)).sort();
}

function unreadable(path: string, error: unknown): ShieldError {
  const expected = 'check that it is there and that you may read it';
  return new ShieldError('PROVISION_NOTHING', { path, reason: reasonOf(error), expected }, { cause: error });
}
