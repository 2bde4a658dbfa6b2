import type { Samples } from '../settings.js';

/**
 * An image for tests, fixed by its seed, in whole-number arithmetic so that bench/record/jpeg.py draws the same: by turns
 * noise over all values, noise of black and white alone (the hardest for clamping), slopes, and slopes with edges.
 */
export function drawnImage(seed: number, channels: 1 | 3, height: number, width: number): Samples {
  const kind = seed % 4;
  const [down, across] = [(seed % 37) + 1, (seed % 41) + 1];
  let state = seed;
  const data = Uint8Array.from({ length: height * width * channels }, (_, i) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const pixel = Math.floor(i / channels);
    const [y, x, channel] = [Math.floor(pixel / width), pixel % width, i % channels];
    const slope = 255 - Math.abs(((y * down + x * across + channel * 100 + seed) % 511) - 255);
    if (kind === 0) return state >>> 24;
    if (kind === 1) return (state >>> 31) * 255;
    return kind === 2 || (x + y) % 13 < 9 ? slope : 255 - slope;
  });
  return { data, height, width };
}
