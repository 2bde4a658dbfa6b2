import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { preprocess, putPreprocessed } from './preprocess.js';
import { toFloatImage } from './quantize.js';
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

  it.each(['stretch', 'fit'] as const)('puts the same floats into a batch (%s, bytes and floats)', (resizing) => {
    const size = { height: 21, width: 17 };
    for (const interpolation of ['nearest', 'bilinear', 'bilinear_tf1', 'bicubic', 'lanczos'] as const) {
      for (const [image, crop] of [
        [formula(30, 50), 1],
        [formula(30, 50), 0.6],
        [formula(21, 17), 1],
        [formula(9, 17), 1],
        [toFloatImage(formula(30, 50)), 0.875],
      ] as const) {
        const how = { resize: resizing, interpolation, crop };
        const expected = toFloatImage(preprocess(image, how, size)).data;
        const batch = new Float32Array(3 * expected.length);
        putPreprocessed(image, how, size, batch, expected.length);
        expect(batch.subarray(expected.length, 2 * expected.length)).toEqual(expected);
        expect(batch.filter((value) => value !== 0).length).toBe(expected.filter((value) => value !== 0).length);
      }
    }
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
