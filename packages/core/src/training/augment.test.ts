import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { ByteImage } from '../plugin/contracts.js';
import { Random } from '../random/random.js';
import { mirrored, randomCrop } from './augment.js';

/** Red says the row, green the column. */
function grid(height: number, width: number): ByteImage {
  const data = Uint8Array.from({ length: height * width * 3 }, (_, i) => {
    const pixel = Math.floor(i / 3);
    return i % 3 === 0 ? Math.floor(pixel / width) : i % 3 === 1 ? pixel % width : 9;
  });
  return { data, height, width };
}

it('mirrors left and right, and twice is nothing', () => {
  const image = grid(3, 5);
  const turned = mirrored(image);
  expect([...turned.data.slice(0, 3)]).toEqual([0, 4, 9]);
  expect(mirrored(turned)).toEqual(image);
  const floats = { ...image, data: Float32Array.from(image.data) };
  expect(mirrored(floats).data).toEqual(Float32Array.from(turned.data));
});

it('crops parts of the image of at least the share that is asked for, near 3:4 to 4:3, from everywhere', () => {
  const image = grid(90, 120);
  fc.assert(
    fc.property(fc.nat(), fc.double({ min: 0.05, max: 0.9, noNaN: true }), (seed, least) => {
      // With as many pixels as the image has, the crop's corners tell what it was cut from.
      const out = randomCrop(image, least, { height: 90, width: 120, interpolation: 'nearest' }, new Random(seed));
      expect([out.height, out.width]).toEqual([90, 120]);
      const [top, left] = [out.data[0]!, out.data[1]!];
      const [bottom, right] = [out.data.at(-3)!, out.data.at(-2)!];
      const [height, width] = [bottom - top + 1, right - left + 1];
      const area = (height * width) / (90 * 120);
      expect(area).toBeGreaterThan(least - 0.06);
      expect(width / height).toBeGreaterThan(0.65);
      expect(width / height).toBeLessThan(1.55);
    }),
  );
  const corners = Array.from({ length: 50 }, (_, i) => {
    const { data } = randomCrop(image, 0.1, { height: 9, width: 9, interpolation: 'nearest' }, new Random('at', i));
    return data[0]! * 1000 + data[1]!;
  });
  expect(new Set(corners).size).toBeGreaterThan(30);
});

it('takes the largest central part where no crop fits', () => {
  const out = randomCrop(grid(10, 200), 0.9, { height: 10, width: 10, interpolation: 'nearest' }, new Random(0));
  expect([out.data[0], out.data[1]]).toEqual([0, 95]);
  expect([out.data.at(-3), out.data.at(-2)]).toEqual([9, 104]);
});
