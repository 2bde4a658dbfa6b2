import { plane, resizeByEdge, roundUp, type Plane } from './plane.js';
import type { Subsampling } from './settings.js';

/*
 * Chroma sampling as libjpeg does it. JPEG itself (ITU T.81, A.1.1) leaves the filters open; libjpeg averages going down,
 * with a rounding that alternates from column to column, and goes up with a triangle ("fancy") filter.
 */

/** How many luma samples one chroma sample stands for, down and across. */
export function samplingFactors(subsampling: Subsampling): { readonly down: 1 | 2; readonly across: 1 | 2 } {
  switch (subsampling) {
    case '4:2:0':
      return { down: 2, across: 2 };
    case '4:2:2':
      return { down: 1, across: 2 };
    case '4:4:4':
      return { down: 1, across: 1 };
  }
}

/**
 * Averages chroma down to whole 8×8 blocks. Right of the image the full-resolution samples repeat before they are
 * averaged; below it an odd last row repeats, and then the averaged rows.
 */
export function downsample(source: Plane, subsampling: Subsampling): Plane {
  const { down, across } = samplingFactors(subsampling);
  const height = Math.ceil(source.height / down);
  const width = roundUp(Math.ceil(source.width / across), 8);
  const wide = resizeByEdge(source, height * down, width * across);
  const out = plane(height, width);
  const count = down * across;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let sum = 0;
      for (let v = 0; v < down; v++) {
        for (let h = 0; h < across; h++) sum += wide.data[(y * down + v) * wide.width + x * across + h]!;
      }
      // 0, 1, 0, 1 … of two samples, 1, 2, 1, 2 … of four: the mean error of rounding is none.
      const bias = count === 1 ? 0 : (count >> 2) + (x & 1);
      out.data[y * width + x] = Math.floor((sum + bias) / count);
    }
  }
  return resizeByEdge(out, roundUp(height, 8), width);
}

/**
 * Brings chroma to `height` × `width`. The triangle filter weighs the nearer sample 3/4 and the farther 1/4 in each
 * halved direction; outside the image the last real sample repeats. Images of four columns or fewer have at most two
 * chroma columns, too few for libjpeg's filter: there each sample just repeats.
 */
export function upsample(source: Plane, height: number, width: number, subsampling: Subsampling): Plane {
  const { down, across } = samplingFactors(subsampling);
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
