import { plane, type Plane } from './plane.js';

/** How many samples of the image one sample of a plane stands for. */
export interface SamplingFactors {
  readonly down: number;
  readonly across: number;
}

/**
 * Brings chroma to `height` × `width`. The triangle filter weighs the nearer sample 3/4 and the farther 1/4 in each
 * halved direction; outside the image the last real sample repeats. Images of four columns or fewer have at most two
 * chroma columns, too few for libjpeg's filter: there each sample just repeats.
 */
export function upsample(source: Plane, height: number, width: number, { down, across }: SamplingFactors): Plane {
  const rows = Math.ceil(height / down);
  const columns = Math.ceil(width / across);
  const fancy = across === 2 && columns > 2;
  const at = (y: number, x: number) =>
    source.data[Math.min(Math.max(y, 0), rows - 1) * source.width + Math.min(Math.max(x, 0), columns - 1)]!;
  const out = plane(height, width);
  for (let y = 0; y < height; y++) {
    const near = Math.floor(y / down);
    const far = down === 1 ? near : near + (y & 1 ? 1 : -1);
    const column = (x: number) => (down === 1 ? at(near, x) : 3 * at(near, x) + at(far, x));
    for (let x = 0; x < width; x++) {
      const nearX = Math.floor(x / across);
      const odd = x & 1;
      out.data[y * width + x] = fancy
        ? down === 1
          ? (3 * column(nearX) + column(nearX + (odd ? 1 : -1)) + (odd ? 2 : 1)) >> 2
          : (3 * column(nearX) + column(nearX + (odd ? 1 : -1)) + (odd ? 7 : 8)) >> 4
        : at(near, nearX);
    }
  }
  return out;
}
