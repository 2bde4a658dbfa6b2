import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { preprocess } from './preprocess.js';
import { resize } from './resize.js';
import { formula, RECORDED, sha256 } from './testing/recorded.js';

describe('preprocess', () => {
  it.each(RECORDED.fitted)('fits as torchvision does over Pillow: $from to $size, share $crop', (recorded) => {
    const { size, crop } = recorded;
    const how = { resize: 'fit', interpolation: 'bicubic', crop } as const;
    const image = preprocess(formula(...recorded.from), how, { height: size, width: size });
    expect(sha256(image.data)).toBe(recorded.sha256);
  });

  it('stretches the whole image', () => {
    const image = formula(30, 50);
    const how = { resize: 'stretch', interpolation: 'bilinear', crop: 1 } as const;
    expect(preprocess(image, how, { height: 20, width: 21 })).toEqual(
      resize(image, { height: 20, width: 21, interpolation: 'bilinear' }),
    );
  });

  it('gives the size asked for, whatever the image', () => {
    const side = fc.integer({ min: 1, max: 50 });
    const mode = fc.constantFrom('fit', 'stretch');
    const share = fc.double({ min: 0.01, max: 1, noNaN: true });
    fc.assert(
      fc.property(side, side, side, side, mode, share, (h, w, height, width, resizing, crop) => {
        const how = { resize: resizing, interpolation: 'bilinear', crop } as const;
        const image = preprocess(formula(h, w), how, { height, width });
        expect([image.height, image.width, image.data.length]).toEqual([height, width, height * width * 3]);
      }),
    );
  });
});
