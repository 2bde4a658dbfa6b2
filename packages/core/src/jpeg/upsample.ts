import { plane, type Plane } from './plane.js';

/** How many samples of the image one sample of a plane stands for. */
export interface SamplingFactors {
  readonly down: number;
  readonly across: number;
}

/**
 * Whether libjpeg smooths a component with its triangle filter: where it is halved across, down or both, and where halved
 * across has more than two columns. Anything else it repeats.
 */
export function isSmoothed(width: number, { down, across }: SamplingFactors): boolean {
  if (across === 1) return down === 2;
  return across === 2 && down <= 2 && Math.ceil(width / 2) > 2;
}

/**
 * Brings a component to `height` × `width`. The triangle filter weighs the nearer sample 3/4 and the farther 1/4 in each
 * halved direction; outside the image the last real sample repeats.
 */
export function upsample(source: Plane, height: number, width: number, factors: SamplingFactors): Plane {
  return isSmoothed(width, factors)
    ? smoothed(source, height, width, factors)
    : repeated(source, height, width, factors);
}

function repeated(source: Plane, height: number, width: number, { down, across }: SamplingFactors): Plane {
  const out = plane(height, width);
  for (let y = 0; y < height; y++) {
    const row = Math.floor(y / down) * source.width;
    if (across === 1) out.data.set(source.data.subarray(row, row + width), y * width);
    else for (let x = 0; x < width; x++) out.data[y * width + x] = source.data[row + Math.floor(x / across)]!;
  }
  return out;
}

function smoothed(source: Plane, height: number, width: number, { down, across }: SamplingFactors): Plane {
  const rows = Math.ceil(height / down);
  const columns = Math.ceil(width / across);
  const out = plane(height, width);
  // The row that counts for each row of the result, weighed down; the shift below divides.
  const line = new Uint16Array(columns);
  const bits = (down === 2 ? 2 : 0) + (across === 2 ? 2 : 0);
  for (let y = 0, i = 0; y < height; y++) {
    const near = Math.floor(y / down);
    const far = down === 1 ? near : Math.min(Math.max(near + (y & 1 ? 1 : -1), 0), rows - 1);
    for (let x = 0; x < columns; x++) {
      const sample = source.data[near * source.width + x]!;
      line[x] = down === 1 ? sample : 3 * sample + source.data[far * source.width + x]!;
    }
    for (let x = 0; x < width; x++, i++) {
      if (across === 1) {
        out.data[i] = (line[x]! + (y & 1 ? 2 : 1)) >> bits;
        continue;
      }
      const nearX = x >> 1;
      const farX = Math.min(Math.max(nearX + (x & 1 ? 1 : -1), 0), columns - 1);
      const rounding = down === 1 ? (x & 1 ? 2 : 1) : x & 1 ? 7 : 8;
      out.data[i] = (3 * line[nearX]! + line[farX]! + rounding) >> bits;
    }
  }
  return out;
}
