import { ImageList } from '../image-list.js';
import type { RawImage } from '../raw-image.js';

export function listOf<Image extends RawImage>(images: Iterable<Image>): ImageList<Image> {
  const list = new ImageList<Image>();
  for (const image of images) list.add(image);
  return list;
}
