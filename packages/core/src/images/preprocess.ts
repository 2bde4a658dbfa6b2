import type { Image } from '../plugin/contracts.js';
import type { Preprocess } from '../spec/resolved-spec.js';
import { putFloats } from './quantize.js';
import { putResized, resize } from './resize.js';

/** What is left to do to an image that is decoded. */
type Fitting = Omit<Preprocess, 'idct'>;

interface Size {
  readonly height: number;
  readonly width: number;
}

/**
 * Makes an image the network's input: its central share, then `stretch` (the whole of it to the size, whatever its
 * shape) or `fit` (scaled until it just covers the size, then a centre crop).
 *
 * The central share is that of `tf.image.central_crop`; `fit` has the rounding of torchvision's `Resize` (the longer
 * side is cut to a whole number) and `CenterCrop` (offset rounded half to even).
 */
export function preprocess(image: Image, how: Fitting, size: Size): Image {
  const { interpolation } = how;
  const kept = centralShare(image, how.crop);
  if (how.resize === 'stretch') return resize(kept, { ...size, interpolation });
  const scaled = resize(kept, { ...covering(kept, size), interpolation });
  const top = halfToEven((scaled.height - size.height) / 2);
  const left = halfToEven((scaled.width - size.width) / 2);
  return cut(scaled, top, left, size);
}

/** Puts what {@link preprocess} gives into `out` from `start` on, as floats in [0, 1]. */
export function putPreprocessed(
  image: Image,
  how: Fitting,
  size: Size,
  out: Float32Array<ArrayBuffer>,
  start: number,
): void {
  if (how.resize !== 'stretch') return void putFloats(preprocess(image, how, size), out, start);
  putResized(centralShare(image, how.crop), { ...size, interpolation: how.interpolation }, out, start);
}

function centralShare<I extends Image>(image: I, share: number): I {
  if (share >= 1) return image;
  const top = Math.trunc((image.height - image.height * share) / 2);
  const left = Math.trunc((image.width - image.width * share) / 2);
  return cut(image, top, left, { height: image.height - 2 * top, width: image.width - 2 * left });
}

/** The smallest size of the image's shape that covers `size`. */
function covering({ height, width }: Size, size: Size): Size {
  return size.height * width >= size.width * height
    ? { height: size.height, width: Math.max(size.width, Math.trunc((size.height * width) / height)) }
    : { height: Math.max(size.height, Math.trunc((size.width * height) / width)), width: size.width };
}

/** The part of an image of this size whose upper left corner is (top, left). */
export function cut<I extends Image>(image: I, top: number, left: number, size: Size): I;
export function cut(image: Image, top: number, left: number, { height, width }: Size): Image {
  if (height === image.height && width === image.width) return image;
  const samples = height * width * 3;
  const out = image.data instanceof Uint8Array ? new Uint8Array(samples) : new Float32Array(samples);
  for (let y = 0; y < height; y++) {
    const start = ((top + y) * image.width + left) * 3;
    out.set(image.data.subarray(start, start + width * 3), y * width * 3);
  }
  return { data: out, height, width };
}

function halfToEven(value: number): number {
  const below = Math.floor(value);
  return value - below === 0.5 ? below + (below % 2) : Math.round(value);
}
