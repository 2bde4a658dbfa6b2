import { ShieldError } from '../errors/index.js';
import type { ByteImage, FloatImage, Image } from '../plugin/contracts.js';
import type { Handover } from '../spec/resolved-spec.js';

/** float32(k / 255) of every byte k. */
const LEVELS = Float32Array.from({ length: 256 }, (_, k) => k / 255);

/** What rounding in float32 may put beyond 0 or 1; such values count as 0 or 1. */
const TOLERANCE = 1e-6;

/**
 * Floats in [0, 1] to bytes, as a codec is handed them; bytes pass through as they are.
 *
 * `round` takes the nearest level. Half a level can only be met at 0.5 (255 x = k + 1/2 has no other solution in
 * float32), where "half up" and NumPy's "half to even" both say 128, so there is nothing to choose.
 *
 * `truncate` is the hand-over of the original (Das et al. 2018, its `cast(255 * (x + 1) / 2, uint8)` over x in [-1, 1]),
 * in the float32 arithmetic that it runs in: the next level below, so images lose half a level on the average, and even
 * of the 256 levels k / 255 themselves 63 come out as k - 1.
 *
 * @param name whose images they are, for the error
 * @throws IMAGE_RANGE for a value outside [0, 1] or NaN
 */
export function toByteImage(image: Image, handover: Handover, name = 'a codec'): ByteImage {
  const { data, height, width } = image;
  if (data instanceof Uint8Array) return { data, height, width };
  const out = new Uint8Array(data.length);
  // Two loops: a call of one of two functions for every sample costs several times what the arithmetic does.
  if (handover === 'round') {
    let outside = false;
    for (let i = 0; i < data.length; i++) {
      const value = data[i]!;
      if (!(value >= 0 && value <= 1)) outside = true;
      // Writing to bytes cuts the fraction off.
      out[i] = 255 * value + 0.5;
    }
    // Once more where it was not all within: a call that might happen keeps the loop above from being tight.
    if (outside) return toByteImage({ data: inRange(data, name), height, width }, handover, name);
  } else {
    for (let i = 0; i < data.length; i++) {
      const value = data[i]!;
      out[i] = truncated(value >= 0 && value <= 1 ? value : pulledIn(data, i, name));
    }
  }
  return { data: out, height, width };
}

/**
 * Bytes to floats, k / 255 in float32; floats pass through once they are known to be in range.
 *
 * @throws IMAGE_RANGE for a float outside [0, 1] or NaN
 */
export function toFloatImage(image: Image, name = 'the model'): FloatImage {
  const { data, height, width } = image;
  if (data instanceof Float32Array) return { data: inRange(data, name), height, width };
  return { data: putFloats(image, new Float32Array(data.length), 0, name), height, width };
}

/** Puts what {@link toFloatImage} gives into `out` from `start` on, without an array of its own. Gives `out` back. */
export function putFloats(
  { data }: Image,
  out: Float32Array<ArrayBuffer>,
  start: number,
  name = 'the model',
): Float32Array<ArrayBuffer> {
  if (data instanceof Float32Array) out.set(inRange(data, name), start);
  else for (let i = 0; i < data.length; i++) out[start + i] = LEVELS[data[i]!]!;
  return out;
}

/**
 * The float in [0, 1] to store each level 0-255 as, such that a hand-over gives the level back: k / 255 in float32, and
 * for `truncate`, which takes 63 of those a level down, the next float32 above where it must be.
 */
export function levelValues(handover: Handover): Float32Array {
  const values = LEVELS.slice();
  if (handover === 'truncate') {
    const bits = new Uint32Array(values.buffer);
    for (let k = 0; k < 256; k++) while (Math.floor(truncated(values[k]!)) < k) bits[k]!++;
  }
  return values;
}

function inRange(values: Float32Array, name: string): Float32Array {
  let own: Float32Array | undefined;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (value >= 0 && value <= 1) continue;
    own ??= values.slice(); // the caller's array is not ours to change
    own[i] = pulledIn(values, i, name);
  }
  return own ?? values;
}

function pulledIn(values: Float32Array, index: number, name: string): number {
  const value = values[index]!;
  if (!(value >= -TOLERANCE && value <= 1 + TOLERANCE)) {
    throw new ShieldError('IMAGE_RANGE', { name, reason: `sample ${index} is ${value}` });
  }
  return value < 0 ? 0 : 1;
}

function truncated(value: number): number {
  const signed = Math.fround(2 * value - 1);
  return Math.fround(255 * Math.fround(signed + 1)) / 2;
}
