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
export function upsample(source: Plane, height: number, width: number, { down, across }: SamplingFactors): Plane {
  const rows = Math.ceil(height / down);
  const columns = Math.ceil(width / across);
  const smooth = isSmoothed(width, { down, across });
  const at = (y: number, x: number) =>
    source.data[Math.min(Math.max(y, 0), rows - 1) * source.width + Math.min(Math.max(x, 0), columns - 1)]!;
  const out = plane(height, width);
  for (let y = 0; y < height; y++) {
    const near = Math.floor(y / down);
    const far = down === 1 ? near : near + (y & 1 ? 1 : -1);
    const column = (x: number) => (down === 1 ? at(near, x) : 3 * at(near, x) + at(far, x));
    for (let x = 0; x < width; x++) {
      const nearX = Math.floor(x / across);
      const farX = nearX + (x & 1 ? 1 : -1);
      out.data[y * width + x] = !smooth
        ? at(near, nearX)
        : across === 1
          ? (column(x) + (y & 1 ? 2 : 1)) >> 2
          : down === 1
            ? (3 * column(nearX) + column(farX) + (x & 1 ? 2 : 1)) >> 2
            : (3 * column(nearX) + column(farX) + (x & 1 ? 7 : 8)) >> 4;
    }
  }
  return out;
}
