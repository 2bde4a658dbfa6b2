import type { Image } from '../plugin/contracts.js';
import type { Preprocess } from '../spec/resolved-spec.js';
import { resize } from './resize.js';

/** An image at the network's input size: the central share of it, stretched to the size or fitted and cut. */
export function preprocess<T extends Image>(
  image: T,
  how: Preprocess,
  size: { readonly height: number; readonly width: number },
): T {
  const { height, width } = size;
  const interpolation = how.interpolation;
  const central =
    how.crop < 1 ? centreCrop(image, Math.round(image.height * how.crop), Math.round(image.width * how.crop)) : image;
  if (how.resize === 'stretch') return resize(central, { height, width, interpolation });
  const scale = Math.max(height / central.height, width / central.width);
  const fitted = resize(central, {
    height: Math.max(height, Math.round(central.height * scale)),
    width: Math.max(width, Math.round(central.width * scale)),
    interpolation,
  });
  return centreCrop(fitted, height, width);
}

function centreCrop<T extends Image>(image: T, height: number, width: number): T {
  const h = Math.max(1, Math.min(image.height, height));
  const w = Math.max(1, Math.min(image.width, width));
  if (h === image.height && w === image.width) return image;
  const top = (image.height - h) >> 1;
  const left = (image.width - w) >> 1;
  const data = image.data instanceof Uint8Array ? new Uint8Array(h * w * 3) : new Float32Array(h * w * 3);
  for (let y = 0; y < h; y++) {
    const from = ((top + y) * image.width + left) * 3;
    data.set(image.data.subarray(from, from + w * 3), y * w * 3);
  }
  return { data, height: h, width: w } as unknown as T;
}
