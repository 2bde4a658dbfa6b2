import type { Plane } from './plane.js';

/*
 * YCbCr to RGB after JFIF 1.02 (ITU T.871, section 7), in the fixed point of libjpeg: constants of five decimal places (the
 * sixth would show: pixels differ by one), rounded to multiples of 2^-16; sums rounded once.
 */

const HALF = 1 << 15;
const CENTRE = 128;

/** A constant in 16-bit fixed point. */
const fix = (value: number) => Math.round(value * 65536);

const [RED, BLUE, GREEN_OF_BLUE, GREEN_OF_RED] = [fix(1.402), fix(1.772), -fix(0.34414), -fix(0.71414)] as const;

/** Planes Y, Cb and Cr of one size to interleaved RGB. */
export function yccToRgb(luma: Plane, blue: Plane, red: Plane): Uint8Array {
  const rgb = new Uint8ClampedArray(3 * luma.data.length);
  for (let i = 0; i < luma.data.length; i++) {
    const y = luma.data[i]!;
    const cb = blue.data[i]! - CENTRE;
    const cr = red.data[i]! - CENTRE;
    rgb[3 * i] = y + ((RED * cr + HALF) >> 16);
    rgb[3 * i + 1] = y + ((GREEN_OF_BLUE * cb + GREEN_OF_RED * cr + HALF) >> 16);
    rgb[3 * i + 2] = y + ((BLUE * cb + HALF) >> 16);
  }
  return new Uint8Array(rgb.buffer);
}
