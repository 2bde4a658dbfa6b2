import type { InverseDct } from '@shield/core/jpeg';

/** How chroma is sampled: halved both ways, halved across, or not at all. */
export type Subsampling = '4:2:0' | '4:2:2' | '4:4:4';

export interface CodecSettings {
  readonly subsampling: Subsampling;
  /** The decoder's. */
  readonly idct: InverseDct;
}

/** 8-bit samples, row by row: interleaved RGB (`3 * height * width`) or grey (`height * width`). */
export interface Samples {
  readonly data: Uint8Array;
  readonly height: number;
  readonly width: number;
}

/** The largest side a JPEG file can say (ITU T.81, B.2.2, as libjpeg limits it). */
export const MAX_SIDE = 65500;

/** 1 for grey, 3 for RGB. Throws a RangeError where data, height and width do not agree. */
export function channelsOf({ data, height, width }: Samples): 1 | 3 {
  const sides = [height, width];
  if (sides.every((side) => Number.isInteger(side) && side >= 1 && side <= MAX_SIDE)) {
    if (data.length === height * width) return 1;
    if (data.length === height * width * 3) return 3;
  }
  throw new RangeError(`${data.length} samples are no grey or RGB image of ${height}×${width}`);
}

/** Throws a RangeError unless quality is a whole number in 1…100. */
export function checkQuality(quality: number): void {
  if (!Number.isInteger(quality) || quality < 1 || quality > 100) {
    throw new RangeError(`JPEG quality ${quality} is not a whole number in 1…100`);
  }
}
