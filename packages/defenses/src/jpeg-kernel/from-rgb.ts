import { plane, type Plane } from '@shield/core/jpeg';

/*
 * RGB to YCbCr after JFIF 1.02 (ITU T.871, section 7), in the fixed point of libjpeg: constants of five decimal
 * places (the sixth would show: pixels differ by one), rounded to multiples of 2^-16; sums rounded once.
 */

const HALF = 1 << 15;
const CENTRE = 128;

/** A constant in 16-bit fixed point. */
const fix = (value: number) => Math.round(value * 65536);

/** Interleaved RGB to the planes Y, Cb and Cr. */
export function rgbToYcc(rgb: Uint8Array, height: number, width: number): [Plane, Plane, Plane] {
  const planes: [Plane, Plane, Plane] = [plane(height, width), plane(height, width), plane(height, width)];
  const [luma, blue, red] = planes;
  for (let i = 0; i < height * width; i++) {
    const r = rgb[3 * i]!;
    const g = rgb[3 * i + 1]!;
    const b = rgb[3 * i + 2]!;
    luma.data[i] = (fix(0.299) * r + fix(0.587) * g + fix(0.114) * b + HALF) >> 16;
    // Rounded by a hair less than one half, so that 255.5 does not leave eight bits.
    blue.data[i] = CENTRE + ((fix(0.5) * b - fix(0.16874) * r - fix(0.33126) * g + HALF - 1) >> 16);
    red.data[i] = CENTRE + ((fix(0.5) * r - fix(0.41869) * g - fix(0.08131) * b + HALF - 1) >> 16);
  }
  return planes;
}
