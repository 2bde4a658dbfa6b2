import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { levelValues, toByteImage, toFloatImage } from './quantize.js';

const floats = (...values: number[]) => ({ data: Float32Array.from(values), height: 1, width: values.length / 3 });
const inRange = fc.float({ min: 0, max: 1, noNaN: true });

describe('quantize', () => {
  it('takes every byte to a float and back', () => {
    const bytes = { data: Uint8Array.from({ length: 258 }, (_, i) => Math.min(i, 255)), height: 1, width: 86 };
    const there = toFloatImage(bytes);
    expect(there.data[51]).toBe(Math.fround(0.2));
    expect(toByteImage(there, 'round')).toEqual(bytes);
    expect(toByteImage(bytes, 'truncate').data).toBe(bytes.data);
  });

  it('rounds to the nearest level, the one tie up', () => {
    const image = floats(0.5, 0.4999 / 255, 0.5001 / 255, 1, 254.6 / 255, 0.75);
    expect([...toByteImage(image, 'round').data]).toEqual([128, 0, 1, 255, 255, 191]);
    fc.assert(
      fc.property(inRange, (x) => {
        const [level] = toByteImage(floats(x, x, x), 'round').data;
        expect(Math.abs(level! - 255 * x)).toBeLessThanOrEqual(0.5);
      }),
    );
  });

  it('truncates in the original’s float32 arithmetic', () => {
    // Computed with NumPy in float32: x = 2 v - 1, then (255 * (x + 1) / 2).astype(uint8).
    const values = [0, 0.5, 1, 0.999, 1 / 255, 3 / 255, 0.1, 0.3, 0.7];
    expect([...toByteImage(floats(...values), 'truncate').data]).toEqual([0, 127, 255, 254, 0, 2, 25, 76, 178]);
    fc.assert(
      fc.property(inRange, (x) => {
        const [level] = toByteImage(floats(x, x, x), 'truncate').data;
        expect(level! - 255 * x).toBeLessThanOrEqual(1e-4);
        expect(level! - 255 * x).toBeGreaterThan(-1 - 1e-4);
      }),
    );
  });

  it('truncates 63 of the 256 levels to the one below, as the original does', () => {
    const levels = Uint8Array.from({ length: 258 }, (_, i) => Math.min(i, 255));
    const there = toFloatImage({ data: levels, height: 1, width: 86 });
    const lost = toByteImage(there, 'truncate').data.map((level, i) => levels[i]! - level);
    expect(lost.slice(0, 256).filter((loss) => loss === 1)).toHaveLength(63);
    expect(Math.max(...lost)).toBe(1);
  });

  it.each(['round', 'truncate'] as const)('levelValues: what each hand-over gives back (%s)', (handover) => {
    const values = levelValues(handover);
    const image = {
      data: Float32Array.from({ length: 258 }, (_, i) => values[Math.min(i, 255)]!),
      height: 1,
      width: 86,
    };
    expect([...toByteImage(image, handover).data.subarray(0, 256)]).toEqual(Array.from({ length: 256 }, (_, k) => k));
    values.forEach((value, k) => expect(Math.abs(value - k / 255)).toBeLessThan(2e-7));
  });

  it('refuses what is out of range and names it', () => {
    for (const bad of [1.01, -0.01, NaN, Infinity]) {
      const image = floats(0.5, bad, 0.5);
      const refused = `leave [0, 1]: sample 1 is ${Math.fround(bad)}`;
      expect(() => toByteImage(image, 'round')).toThrow(refused);
      expect(() => toFloatImage(image, 'jpeg')).toThrow(refused);
    }
  });

  it('forgives what float32 rounding adds, and leaves the caller’s array alone', () => {
    const image = floats(1.0000001, -1e-8, 0.25);
    expect([...toByteImage(image, 'round').data]).toEqual([255, 0, 64]);
    expect([...toFloatImage(image).data]).toEqual([1, 0, 0.25]);
    expect(image.data[0]).toBeGreaterThan(1);
    const good = floats(0, 1, 0.5);
    expect(toFloatImage(good).data).toBe(good.data);
  });
});
