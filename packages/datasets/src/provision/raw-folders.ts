import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { reasonOf, ShieldError } from '@shield/core';
import { ImageList } from './image-list.js';
import { IMAGE_FILE, isHidden, isWnid } from './raw-image.js';

/** Files looked at at a time. */
const AT_ONCE = 32;

/**
 * The images of a split that was unpacked: `folder/n01440764/n01440764_10026.JPEG`, or of the validation images also
 * `folder/ILSVRC2012_val_00000001.JPEG`. Looks one folder deep and no deeper.
 *
 * @throws PROVISION_NOTHING where the folder cannot be read
 */
export async function imagesOfFolder(folder: string): Promise<ImageList> {
  const images = new ImageList();
  const names = await list(folder);
  await addSized(images, folder, names);
  for (const wnid of names.filter(isWnid)) {
    const within = join(folder, wnid);
    await addSized(images, within, await list(within), wnid);
  }
  return images;
}

/** The image files among what stands in a folder, with their sizes. */
async function addSized(images: ImageList, folder: string, names: readonly string[], wnid?: string): Promise<void> {
  const files = names.filter((name) => IMAGE_FILE.test(name));
  for (let start = 0; start < files.length; start += AT_ONCE) {
    const some = files.slice(start, start + AT_ONCE).map(async (name) => {
      const path = join(folder, name);
      const { size } = await stat(path).catch((error: unknown) => Promise.reject(unreadable(path, error)));
      return { name, path, offset: 0, size, ...(wnid !== undefined && { wnid }) };
    });
    for (const image of await Promise.all(some)) images.add(image);
  }
}

async function list(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((error: unknown) => Promise.reject(unreadable(folder, error)));
  return names.filter((name) => !isHidden(name)).sort();
}

function unreadable(path: string, error: unknown): ShieldError {
  const expected = 'check that it is there and that you may read it';
  return new ShieldError('PROVISION_NOTHING', { path, reason: reasonOf(error), expected }, { cause: error });
}
