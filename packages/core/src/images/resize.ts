import type { Image } from '../plugin/contracts.js';

export type Interpolation = 'nearest' | 'bilinear' | 'bicubic' | 'lanczos';

export interface ResizeOptions {
  readonly height: number;
  readonly width: number;
  readonly interpolation: Interpolation;
}

interface Filter {
  readonly support: number;
  readonly at: (x: number) => number;
}

const FILTERS: Readonly<Record<Exclude<Interpolation, 'nearest'>, Filter>> = {
  bilinear: { support: 1, at: (x) => Math.max(0, 1 - Math.abs(x)) },
  // Keys' cubic convolution with a = −0.5.
  bicubic: {
    support: 2,
    at: (value) => {
      const a = -0.5;
      const x = Math.abs(value);
      if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
      if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
      return 0;
    },
  },
  lanczos: { support: 3, at: (x) => (Math.abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0) },
};

/** Fraction bits of the weights for 8-bit samples, as Pillow has them (32 − 8 − 2). */
const PRECISION = 22;

/** Weights of one axis: output i is the sum of `size` samples from `start[i]`, by `values[i·size + k]`. */
interface Weights {
  readonly size: number;
  readonly start: Int32Array;
  readonly count: Int32Array;
  readonly values: Float64Array;
  readonly fixed: Int32Array;
}

/**
 * Resizes as Pillow does: the filter is stretched when an image gets smaller, so that every sample counts; rows first,
 * then columns; 8-bit images in fixed point and rounded to 8 bits between the passes, bit by bit like Pillow's.
 */
export function resize<T extends Image>(image: T, options: ResizeOptions): T {
  const { height, width, interpolation } = options;
  if (image.height === height && image.width === width) return image;
  if (interpolation === 'nearest') return nearest(image, height, width) as T;
  const bytes = image.data instanceof Uint8Array;
  const across = image.width === width ? undefined : weights(image.width, width, interpolation);
  const down = image.height === height ? undefined : weights(image.height, height, interpolation);
  let data: Uint8Array | Float32Array = image.data;
  if (across) data = horizontal(data, image.height, image.width, width, across, bytes);
  if (down) data = vertical(data, height, width, down, bytes);
  return { data, height, width } as unknown as T;
}

function horizontal(
  data: Uint8Array | Float32Array,
  height: number,
  width: number,
  outWidth: number,
  w: Weights,
  bytes: boolean,
): Uint8Array | Float32Array {
  const out = bytes ? new Uint8Array(height * outWidth * 3) : new Float32Array(height * outWidth * 3);
  const factors = bytes ? w.fixed : w.values;
  const half = bytes ? 1 << (PRECISION - 1) : 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < outWidth; x++) {
      let r = half;
      let g = half;
      let b = half;
      let at = (y * width + w.start[x]!) * 3;
      for (let k = x * w.size, end = k + w.count[x]!; k < end; k++, at += 3) {
        const factor = factors[k]!;
        r += data[at]! * factor;
        g += data[at + 1]! * factor;
        b += data[at + 2]! * factor;
      }
      put(out, (y * outWidth + x) * 3, r, g, b, bytes);
    }
  }
  return out;
}

function vertical(
  data: Uint8Array | Float32Array,
  outHeight: number,
  width: number,
  w: Weights,
  bytes: boolean,
): Uint8Array | Float32Array {
  const out = bytes ? new Uint8Array(outHeight * width * 3) : new Float32Array(outHeight * width * 3);
  const factors = bytes ? w.fixed : w.values;
  const half = bytes ? 1 << (PRECISION - 1) : 0;
  for (let y = 0; y < outHeight; y++) {
    for (let x = 0; x < width; x++) {
      let r = half;
      let g = half;
      let b = half;
      let at = (w.start[y]! * width + x) * 3;
      for (let k = y * w.size, end = k + w.count[y]!; k < end; k++, at += width * 3) {
        const factor = factors[k]!;
        r += data[at]! * factor;
        g += data[at + 1]! * factor;
        b += data[at + 2]! * factor;
      }
      put(out, (y * width + x) * 3, r, g, b, bytes);
    }
  }
  return out;
}

function put(out: Uint8Array | Float32Array, at: number, r: number, g: number, b: number, bytes: boolean): void {
  if (bytes) {
    out[at] = clip8(r);
    out[at + 1] = clip8(g);
    out[at + 2] = clip8(b);
  } else {
    // Filters with negative lobes overshoot; pixels stay in [0, 1].
    out[at] = Math.min(1, Math.max(0, r));
    out[at + 1] = Math.min(1, Math.max(0, g));
    out[at + 2] = Math.min(1, Math.max(0, b));
  }
}

function clip8(sum: number): number {
  const value = sum >> PRECISION;
  return value < 0 ? 0 : value > 255 ? 255 : value;
}

function nearest(image: Image, height: number, width: number): Image {
  const data =
    image.data instanceof Uint8Array ? new Uint8Array(height * width * 3) : new Float32Array(height * width * 3);
  for (let y = 0; y < height; y++) {
    const from = Math.min(image.height - 1, Math.floor(((y + 0.5) * image.height) / height));
    for (let x = 0; x < width; x++) {
      const at = (from * image.width + Math.min(image.width - 1, Math.floor(((x + 0.5) * image.width) / width))) * 3;
      const to = (y * width + x) * 3;
      for (let c = 0; c < 3; c++) data[to + c] = image.data[at + c]!;
    }
  }
  return { data, height, width };
}

const cache = new Map<string, Weights>();

function weights(from: number, to: number, interpolation: Exclude<Interpolation, 'nearest'>): Weights {
  const key = `${from} ${to} ${interpolation}`;
  let found = cache.get(key);
  if (!found) {
    if (cache.size > 256) cache.clear();
    cache.set(key, (found = computeWeights(from, to, FILTERS[interpolation])));
  }
  return found;
}

function computeWeights(from: number, to: number, filter: Filter): Weights {
  const scale = from / to;
  const stretch = Math.max(1, scale);
  const support = filter.support * stretch;
  const size = Math.ceil(support) * 2 + 1;
  const start = new Int32Array(to);
  const count = new Int32Array(to);
  const values = new Float64Array(to * size);
  for (let i = 0; i < to; i++) {
    const centre = (i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - support + 0.5));
    const last = Math.min(from, Math.trunc(centre + support + 0.5));
    start[i] = first;
    count[i] = last - first;
    let sum = 0;
    for (let k = 0; k < last - first; k++) {
      const value = filter.at((k + first - centre + 0.5) * (1 / stretch));
      values[i * size + k] = value;
      sum += value;
    }
    if (sum !== 0) for (let k = 0; k < last - first; k++) values[i * size + k]! /= sum;
  }
  const fixed = Int32Array.from(values, (value) =>
    Math.trunc(value < 0 ? -0.5 + value * 2 ** PRECISION : 0.5 + value * 2 ** PRECISION),
  );
  return { size, start, count, values, fixed };
}

function sinc(x: number): number {
  if (x === 0) return 1;
  const y = x * Math.PI;
  return Math.sin(y) / y;
}
