import { ShieldError } from '../errors/index.js';
import type { ByteImage, FloatImage, Image } from '../plugin/contracts.js';
import type { Handover } from '../spec/resolved-spec.js';

/** What float rounding may add to an image in [0, 1]. */
const TOLERANCE = 1e-5;

/**
 * 8-bit levels of an image in [0, 1]; a ByteImage passes as it is.
 *
 * @param handover `round`: to the nearest level, halves up; `truncate`: down, as the original's `cast(255·(x+1)/2)`
 * @throws IMAGE_RANGE for values outside [0, 1] or NaN
 */
export function toByteImage(image: Image, handover: Handover): ByteImage {
  const { data, height, width } = image;
  if (data instanceof Uint8Array) return { data, height, width };
  const bytes = new Uint8Array(data.length);
  const add = handover === 'round' ? 0.5 : 0;
  for (let i = 0; i < data.length; i++) {
    const value = data[i]!;
    if (!(value >= -TOLERANCE && value <= 1 + TOLERANCE)) {
      throw new ShieldError('IMAGE_RANGE', { name: 'the conversion to 8 bits', reason: `sample ${i} is ${value}` });
    }
    bytes[i] = Math.min(255, Math.max(0, Math.floor(value * 255 + add)));
  }
  return { data: bytes, height, width };
}

/** An image in [0, 1]; a FloatImage passes as it is. */
export function toFloatImage(image: Image): FloatImage {
  const { data, height, width } = image;
  if (data instanceof Float32Array) return { data, height, width };
  const floats = new Float32Array(data.length);
  for (let i = 0; i < data.length; i++) floats[i] = LEVELS[data[i]!]!;
  return { data: floats, height, width };
}

const LEVELS = Float32Array.from({ length: 256 }, (_, level) => level / 255);
