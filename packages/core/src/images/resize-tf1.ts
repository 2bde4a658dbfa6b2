import type { FloatImage, Image } from '../plugin/contracts.js';
import { toFloatImage } from './quantize.js';

/** Where each sample of a scaled line stands between two of the line: at `low`, `part` of the way to `high`. */
export interface Places {
  readonly low: Int32Array;
  readonly high: Int32Array;
  /** In [0, 1). */
  readonly part: Float32Array;
}

/**
 * TensorFlow 1's `tf.image.resize_bilinear` with align_corners=False (in TensorFlow 2 that of `tf.compat.v1`; the
 * sampling of core/kernels/image/resize_bilinear_op.cc): sample i stands at i·from/to, the upper left corner of its
 * pixel, and takes two neighbours on each axis whatever the scale, without antialiasing. In float32, as there; bytes
 * are taken as k / 255. What the WebAssembly one is held to, and what runs where there is no WebAssembly.
 */
export function resizeTf1(image: Image, height: number, width: number): FloatImage {
  const { height: from, width: line } = image;
  const data = image.data instanceof Uint8Array ? toFloatImage(image).data : image.data;
  const rows = placesTf1(from, height);
  const columns = placesTf1(line, width);
  const out = new Float32Array(height * width * 3);
  for (let y = 0, o = 0; y < height; y++) {
    const top = rows.low[y]! * line * 3;
    const bottom = rows.high[y]! * line * 3;
    const down = rows.part[y]!;
    for (let x = 0; x < width; x++) {
      const left = columns.low[x]! * 3;
      const right = columns.high[x]! * 3;
      const across = columns.part[x]!;
      for (let c = 0; c < 3; c++, o++) {
        const upper = between(data[top + left + c]!, data[top + right + c]!, across);
        out[o] = between(upper, between(data[bottom + left + c]!, data[bottom + right + c]!, across), down);
      }
    }
  }
  return { data: out, height, width };
}

/** The places that {@link resizeTf1} takes samples at on a line of `from` scaled to `to`. */
export function placesTf1(from: number, to: number): Places {
  const places = { low: new Int32Array(to), high: new Int32Array(to), part: new Float32Array(to) };
  const scale = Math.fround(from / to);
  for (let i = 0; i < to; i++) {
    const at = Math.fround(i * scale);
    places.low[i] = Math.min(Math.floor(at), from - 1);
    places.high[i] = Math.min(Math.ceil(at), from - 1);
    places.part[i] = at - Math.floor(at);
  }
  return places;
}

function between(a: number, b: number, part: number): number {
  return Math.fround(a + Math.fround(Math.fround(b - a) * part));
}
