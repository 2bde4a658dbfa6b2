import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { toFloatImage } from './quantize.js';
import { resize } from './resize.js';
import { formula, RECORDED, sha256 } from './testing/recorded.js';

describe('resize', () => {
  it.each(RECORDED.resized)('is Pillow’s, bit for bit: $from to $to, $interpolation', (recorded) => {
    const [height, width] = recorded.to;
    const options = { height, width, interpolation: recorded.interpolation };
    const image = formula(...recorded.from);
    const before = sha256(image.data);
    const bytes = resize(image, options);
    expect([bytes.height, bytes.width, bytes.data.length]).toEqual([height, width, height * width * 3]);
    expect(sha256(bytes.data)).toBe(recorded.sha256);
    expect(sha256(resize(toFloatImage(image), options).data)).toBe(recorded.floats);
    expect(sha256(image.data)).toBe(before);
  });

  it('gives an image of the right size back as it is', () => {
    const image = formula(5, 4);
    expect(resize(image, { height: 5, width: 4, interpolation: 'bicubic' })).toBe(image);
  });

  it('keeps an even colour, and stays in range, at any sizes', () => {
    const side = fc.integer({ min: 1, max: 40 });
    const filter = fc.constantFrom('nearest', 'box', 'bilinear', 'bicubic', 'lanczos');
    fc.assert(
      fc.property(side, side, side, side, filter, fc.nat(255), (h, w, height, width, interpolation, level) => {
        const even = { data: new Uint8Array(h * w * 3).fill(level), height: h, width: w };
        const options = { height, width, interpolation };
        expect(resize(even, options).data.every((value) => value === level)).toBe(true);
        const floats = resize(toFloatImage(formula(h, w)), options).data;
        expect(floats.every((value) => value >= 0 && value <= 1)).toBe(true);
      }),
    );
  });
});
