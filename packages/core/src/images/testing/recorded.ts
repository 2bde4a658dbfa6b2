import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { ByteImage } from '../../plugin/contracts.js';
import type { Interpolation } from '../resize.js';

/** What bench/record/images.py recorded of Pillow. */
export interface Recorded {
  readonly resized: readonly {
    readonly from: readonly [number, number];
    readonly to: readonly [number, number];
    readonly interpolation: Interpolation;
    readonly sha256: string;
    readonly floats: string;
  }[];
  readonly fitted: readonly {
    readonly from: readonly [number, number];
    readonly size: number;
    readonly crop: number;
    readonly sha256: string;
  }[];
  readonly files: Readonly<
    Record<string, { readonly file: string; readonly size: readonly [number, number]; readonly sha256: string }>
  >;
  /** Of each photo: twelve digits of the hash of its pixels, twelve of the same scaled to 224×224. */
  readonly photos: Readonly<Record<string, string>>;
}

export const RECORDED = JSON.parse(readFileSync(new URL('recorded.json', import.meta.url), 'utf8')) as Recorded;

/** The images that the recordings were made of: noise over a ramp. */
export function formula(height: number, width: number): ByteImage {
  const size = height * width * 3;
  const data = Uint8Array.from({ length: size }, (_, i) => {
    const noise = Math.imul(i + 1, 2654435761) >>> 24;
    const ramp = Math.floor((i * 255) / Math.max(1, size - 1));
    return (noise + 3 * ramp) >> 2;
  });
  return { data, height, width };
}

export function sha256(data: Uint8Array | Float32Array): string {
  return createHash('sha256')
    .update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    .digest('hex');
}
