import type { FloatImage, Image } from '../plugin/contracts.js';
import { taps, type Filter, type Interpolation, type Taps } from './resample-filters.js';
import { bytesResize, type Passes } from './resize-bytes.js';
import { putFloats } from './quantize.js';
import { kernelResize, kernelResizeFloats, kernelResizeTf1 } from './resize-kernel.js';
import { resizeTf1 } from './resize-tf1.js';

export type { Interpolation } from './resample-filters.js';

export interface ResizeOptions {
  readonly height: number;
  readonly width: number;
  readonly interpolation: Interpolation;
}

/**
 * Scales an image the way Pillow's `Image.resize` does (src/libImaging/Resample.c and Geometry.c): bytes come out bit
 * for bit as in Pillow 13, in fixed point with bytes between the horizontal and the vertical pass; floats take the same
 * weights in double precision, float32 between the passes, and are cut to [0, 1] where the filter overshoots.
 *
 * `bilinear_tf1` is {@link resizeTf1} instead, which gives floats, of bytes too: they are not rounded to levels.
 *
 * @param image [height, width, 3], bytes or floats in [0, 1]; never changed, but returned itself when the size fits
 */
export function resize<I extends Image>(image: I, options: ResizeOptions & { interpolation: Filter | 'nearest' }): I;
export function resize(image: FloatImage, options: ResizeOptions): FloatImage;
export function resize(image: Image, options: ResizeOptions): Image;
export function resize(image: Image, { height, width, interpolation }: ResizeOptions): Image {
  if (image.height === height && image.width === width) return image;
  if (interpolation === 'bilinear_tf1') {
    const into = new Float32Array(height * width * 3);
    if (kernelResizeTf1(image, height, width, { into, start: 0 })) return { data: into, height, width };
    return resizeTf1(image, height, width);
  }
  if (interpolation === 'nearest') return nearest(image, height, width);
  const passes = passesOf(image, height, width, interpolation);
  const { first, across, down } = passes;
  const { data } = image;
  if (data instanceof Uint8Array) {
    const bytes = { data, height: image.height, width: image.width };
    return {
      data: kernelResize(bytes, height, width, passes) ?? bytesResize(bytes, height, width, passes),
      height,
      width,
    };
  }
  const wide = (source: Float32Array, rows: number) =>
    across ? floatsAcross(source, image.width, width, rows, across) : source;
  const high = (source: Float32Array, columns: number) =>
    down ? floatsDown(source, columns * 3, height, down) : source;
  if (first === 'down') return { data: clip(wide(high(data, image.width), height)), height, width };
  return { data: clip(high(wide(data, image.height), width)), height, width };
}

/**
 * Puts what {@link resize} gives into `out` from `start` on, as floats: bytes as k / 255.
 *
 * @throws IMAGE_RANGE for a float outside [0, 1] or NaN
 */
export function putResized(image: Image, options: ResizeOptions, out: Float32Array<ArrayBuffer>, start: number): void {
  const { height, width, interpolation } = options;
  const { data } = image;
  const resized = image.height !== height || image.width !== width;
  if (resized && interpolation !== 'nearest' && data instanceof Uint8Array) {
    const bytes = { data, height: image.height, width: image.width };
    const place = { into: out, start };
    const done =
      interpolation === 'bilinear_tf1'
        ? kernelResizeTf1(bytes, height, width, place)
        : kernelResizeFloats(bytes, height, width, passesOf(image, height, width, interpolation), place);
    if (done) return;
  }
  putFloats(resize(image, options), out, start);
}

function passesOf(image: Image, height: number, width: number, filter: Filter): Passes {
  return {
    first: downFirst(image, height, width) ? 'down' : 'across',
    across: image.width === width ? undefined : taps(image.width, width, filter),
    down: image.height === height ? undefined : taps(image.height, height, filter),
  };
}

/** Which pass goes first is of no account but for speed and the rounding between them; this is Pillow 13's rule. */
function downFirst(image: Image, height: number, width: number): boolean {
  return image.height > height && image.height - height > 2 * (image.width - width);
}

function floatsAcross(source: Float32Array, from: number, to: number, rows: number, across: Taps): Float32Array {
  const { size, bounds, weights } = across;
  const out = new Float32Array(rows * to * 3);
  for (let y = 0, o = 0; y < rows; y++) {
    for (let x = 0; x < to; x++, o += 3) {
      let s = (y * from + bounds[2 * x]!) * 3;
      let r = 0;
      let g = 0;
      let b = 0;
      for (let k = x * size, end = k + bounds[2 * x + 1]!; k < end; k++, s += 3) {
        const weight = weights[k]!;
        r += source[s]! * weight;
        g += source[s + 1]! * weight;
        b += source[s + 2]! * weight;
      }
      out[o] = r;
      out[o + 1] = g;
      out[o + 2] = b;
    }
  }
  return out;
}

function floatsDown(source: Float32Array, row: number, to: number, { size, bounds, weights }: Taps): Float32Array {
  const out = new Float32Array(row * to);
  const sums = new Float64Array(row);
  for (let y = 0; y < to; y++) {
    sums.fill(0);
    const first = bounds[2 * y]!;
    for (let k = 0, count = bounds[2 * y + 1]!; k < count; k++) {
      const weight = weights[y * size + k]!;
      for (let i = 0, s = (first + k) * row; i < row; i++, s++) sums[i]! += source[s]! * weight;
    }
    out.set(sums, y * row);
  }
  return out;
}

function clip(values: Float32Array): Float32Array {
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (value < 0) values[i] = 0;
    else if (value > 1) values[i] = 1;
  }
  return values;
}

/** The source sample under each result sample's centre; positions are summed up step by step, as Pillow does. */
function nearest(image: Image, height: number, width: number): Image {
  const columns = positions(image.width, width);
  const rows = positions(image.height, height);
  const { data: source } = image;
  const out = source instanceof Uint8Array ? new Uint8Array(height * width * 3) : new Float32Array(height * width * 3);
  for (let y = 0, o = 0; y < height; y++) {
    const line = rows[y]! * image.width;
    for (let x = 0; x < width; x++, o += 3) {
      const s = (line + columns[x]!) * 3;
      out[o] = source[s]!;
      out[o + 1] = source[s + 1]!;
      out[o + 2] = source[s + 2]!;
    }
  }
  return { data: out, height, width };
}

function positions(from: number, to: number): Int32Array {
  const scale = from / to;
  let at = scale * 0.5;
  return Int32Array.from({ length: to }, () => {
    const position = Math.min(Math.trunc(at), from - 1);
    at += scale;
    return position;
  });
}
