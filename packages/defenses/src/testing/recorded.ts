import { readFileSync } from 'node:fs';
import type { FloatImage } from '@shield/core';
import { drawnImage } from '../jpeg-kernel/testing/drawn-image.js';

export interface RecordedDefense {
  readonly defense: string;
  /** As a spec gives them; what is missing is the plugin's default. */
  readonly options: Readonly<Record<string, unknown>>;
  /** The drawn image that went in. */
  readonly image: FloatImage;
  /** What came out: [height, width, 3], float32. */
  readonly pixels: Float32Array;
  /** Numbers that stand beside it. */
  readonly figures: Readonly<Record<string, number>>;
}

/** What SciPy and scikit-image made of drawn images; bench/record/defenses.py records it. */
export function recorded(defense: string): readonly RecordedDefense[] {
  const file = new URL('./recorded.json', import.meta.url);
  const { cases } = JSON.parse(readFileSync(file, 'utf8')) as { cases: Case[] };
  return cases
    .filter((one) => one.defense === defense)
    .map(({ options, seed, height, width, pixels, figures = {} }) => {
      const bytes = Uint8Array.from(Buffer.from(pixels, 'base64'));
      const image = floatImage(seed, height, width);
      return { defense, options, image, pixels: new Float32Array(bytes.buffer), figures };
    });
}

interface Case {
  readonly defense: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly seed: number;
  readonly height: number;
  readonly width: number;
  readonly pixels: string;
  readonly figures?: Readonly<Record<string, number>>;
}

/** A drawn image as floats: k / 255 in 32 bits. */
export function floatImage(seed: number, height: number, width: number): FloatImage {
  const { data } = drawnImage(seed, 3, height, width);
  return { data: Float32Array.from(data, (level) => level / 255), height, width };
}

/** The largest difference of two images of one size. */
export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) throw new RangeError(`${a.length} samples beside ${b.length}`);
  let largest = 0;
  for (let i = 0; i < a.length; i++) largest = Math.max(largest, Math.abs(a[i]! - b[i]!));
  return largest;
}
