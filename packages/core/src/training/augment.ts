import { cut } from '../images/preprocess.js';
import { resize, type Interpolation } from '../images/resize.js';
import type { Image } from '../plugin/contracts.js';
import type { Random } from '../random/random.js';

const TRIES = 10;
/** Widest and narrowest shape of a crop, width by height. */
const SHAPES = [3 / 4, 4 / 3] as const;

/**
 * A random part of the image, scaled to `size`: its area between `least` and all of the image's, its shape between 3:4
 * and 4:3 (Szegedy et al., CVPR 2015, arXiv:1409.4842); where ten tries do not fit, the largest central part of the
 * network's own shape.
 *
 * @param least share of the area, in (0, 1]
 */
export function randomCrop(
  image: Image,
  least: number,
  size: { readonly height: number; readonly width: number; readonly interpolation: Interpolation },
  random: Random,
): Image {
  const { height, width } = image;
  for (let i = 0; i < TRIES; i++) {
    const area = height * width * (least + (1 - least) * random.uniform());
    const [narrow, wide] = SHAPES.map(Math.log) as [number, number];
    const shape = Math.exp(narrow + (wide - narrow) * random.uniform());
    const part = { height: Math.round(Math.sqrt(area / shape)), width: Math.round(Math.sqrt(area * shape)) };
    if (part.height < 1 || part.width < 1 || part.height > height || part.width > width) continue;
    const [top, left] = [random.integer(height - part.height + 1), random.integer(width - part.width + 1)];
    return resize(cut(image, top, left, part), size);
  }
  const scale = Math.min(height / size.height, width / size.width);
  const part = {
    height: Math.max(1, Math.round(scale * size.height)),
    width: Math.max(1, Math.round(scale * size.width)),
  };
  return resize(cut(image, (height - part.height) >> 1, (width - part.width) >> 1, part), size);
}

/** The image with left and right exchanged. */
export function mirrored<I extends Image>(image: I): I;
export function mirrored({ data, height, width }: Image): Image {
  const out = data.slice();
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = (y * width + x) * 3;
      const to = (y * width + width - 1 - x) * 3;
      out[to] = data[from]!;
      out[to + 1] = data[from + 1]!;
      out[to + 2] = data[from + 2]!;
    }
  }
  return { data: out, height, width };
}
