import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { distances } from './norms.js';

describe('distances', () => {
  it('of a change worked out by hand', () => {
    // Two pixels of three channels; the first changes by 0.3 in red and -0.4 in blue, the second not at all.
    const clean = Float32Array.of(0.5, 0.5, 0.5, 1, 0, 0);
    const adversarial = Float32Array.of(0.8, 0.5, 0.1, 1, 0, 0);
    const d = distances(clean, adversarial);
    expect(d.l0).toBe(1);
    expect(d.l1).toBeCloseTo(0.7, 6);
    expect(d.l2).toBeCloseTo(0.5, 6); // √(0.09 + 0.16)
    expect(d.linf).toBeCloseTo(0.4, 6);
    expect(d.normalizedL2).toBeCloseTo(0.5 / Math.sqrt(1.75), 6); // ‖clean‖² = 3·0.25 + 1
    // On [-1, 1] the change doubles, to 1; the clean image is (0, 0, 0, 1, -1, -1), of norm √3.
    expect(d.normalizedL2Original).toBeCloseTo(1 / Math.sqrt(3), 6);
  });

  it('of an image to itself are 0, on black and grey ones too, whose norms are 0', () => {
    for (const level of [0, 0.5, 1]) {
      const image = new Float32Array(12).fill(level);
      expect(distances(image, image.slice())).toEqual({
        l0: 0,
        l1: 0,
        l2: 0,
        linf: 0,
        normalizedL2: 0,
        normalizedL2Original: 0,
      });
    }
  });

  it('relate as norms do: L∞ ≤ L2 ≤ √(3·L0)·L∞', () => {
    const pixels = fc.array(
      fc.tuple(fc.float({ min: 0, max: 1, noNaN: true }), fc.float({ min: 0, max: 1, noNaN: true })),
      {
        minLength: 1,
        maxLength: 20,
      },
    );
    fc.assert(
      fc.property(pixels, (pairs) => {
        const padded = pairs.length - (pairs.length % 3) + 3;
        const at = (side: 0 | 1) => Float32Array.from({ length: padded }, (_, i) => pairs[i]?.[side] ?? 0);
        const { l0, l2, linf } = distances(at(0), at(1));
        expect(linf).toBeLessThanOrEqual(l2 * (1 + 1e-12));
        expect(l2).toBeLessThanOrEqual(Math.sqrt(3 * l0) * linf * (1 + 1e-12));
      }),
    );
  });
});
