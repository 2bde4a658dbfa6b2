import { basename, extname } from 'node:path';
import { FileBytes, ShieldError, tarFiles, type TarFile } from '@shield/core';
import { ImageList } from './image-list.js';
import { IMAGE_FILE, isHidden, isWnid, type LabelledImage, type RawImage } from './raw-image.js';

/** The training set has 1,281,167; an archive of more entries is none of ImageNet's. */
const MOST_IMAGES = 3_000_000;
/** ImageNet's largest file has 15 MB. */
const MOST_BYTES = 128 << 20;

/** Archives of classes that are listed at a time. */
const AT_ONCE = 8;

/** The images of the validation archive. @throws ARCHIVE_CORRUPT */
export async function imagesOfValidationTar(path: string, signal: AbortSignal): Promise<ImageList> {
  const source = await FileBytes.open(path);
  try {
    const images = new ImageList();
    for await (const file of tarFiles(source)) {
      signal.throwIfAborted();
      const name = basename(file.path);
      if (isHidden(name) || !IMAGE_FILE.test(name)) continue;
      images.add(checked({ name, path, offset: file.offset, size: file.size }, images.length));
    }
    return images;
  } finally {
    await source.close();
  }
}

/**
 * The images of the training archive, which holds an archive for each class (`n01440764.tar`). Archives in these are
 * not looked into.
 *
 * @throws ARCHIVE_CORRUPT
 */
export async function imagesOfTrainTar(path: string, signal: AbortSignal): Promise<ImageList<LabelledImage>> {
  const source = await FileBytes.open(path);
  try {
    const classes: { readonly wnid: string; readonly tar: TarFile }[] = [];
    for await (const tar of tarFiles(source)) {
      const name = basename(tar.path);
      const wnid = basename(name, '.tar');
      if (extname(name) !== '.tar' || isHidden(name)) continue;
      if (!isWnid(wnid)) throw corrupt(path, `${name} is not named by a wnid`, tar.offset);
      classes.push({ wnid, tar });
    }
    const images = new ImageList<LabelledImage>();
    for (let start = 0; start < classes.length; start += AT_ONCE) {
      const some = classes.slice(start, start + AT_ONCE).map(async ({ wnid, tar }) => {
        const found: LabelledImage[] = [];
        for await (const file of tarFiles(source, { start: tar.offset, end: tar.offset + tar.size })) {
          signal.throwIfAborted();
          const name = basename(file.path);
          if (isHidden(name) || !IMAGE_FILE.test(name)) continue;
          found.push(checked({ name, wnid, path, offset: file.offset, size: file.size }, images.length + found.length));
        }
        return found;
      });
      for (const found of await Promise.all(some)) for (const image of found) images.add(image);
    }
    return images;
  } finally {
    await source.close();
  }
}

function checked<I extends RawImage>(image: I, before: number): I {
  const { path, name, offset, size } = image;
  if (before >= MOST_IMAGES) throw corrupt(path, `it has more than ${MOST_IMAGES.toLocaleString('en')} images`, offset);
  if (size === 0) throw corrupt(path, `${name} is empty`, offset);
  if (size > MOST_BYTES) throw corrupt(path, `${name} has ${size} bytes`, offset);
  return image;
}

function corrupt(path: string, reason: string, offset: number): ShieldError {
  return new ShieldError('ARCHIVE_CORRUPT', { path, reason, offset });
}
