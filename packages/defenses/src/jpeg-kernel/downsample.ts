import { plane, resizeByEdge, roundUp, type Plane, type SamplingFactors } from '@shield/core/jpeg';
import type { Subsampling } from './settings.js';

/*
 * Chroma sampling as libjpeg does it. JPEG itself (ITU T.81, A.1.1) leaves the filters open; libjpeg averages, with a rounding
 * that alternates from column to column.
 */

export function samplingFactors(subsampling: Subsampling): SamplingFactors {
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
