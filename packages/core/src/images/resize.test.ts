import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { toFloatImage } from './quantize.js';
import { taps } from './resample-filters.js';
import { bytesResize } from './resize-bytes.js';
import { kernelResize, kernelResizeFloats } from './resize-kernel.js';
import { putResized, resize } from './resize.js';
import { projectRoot } from '../testing/shared-data.js';
import { formula, RECORDED, sha256 } from './testing/recorded.js';

beforeAll(() => {
  execFileSync(process.execPath, [join(projectRoot(), 'build-kernels.js')]);
});

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

  it('runs in WebAssembly, and gives what TypeScript gives, of any bytes and sizes', () => {
    const side = fc.integer({ min: 1, max: 40 });
    const filter = fc.constantFrom('box' as const, 'bilinear' as const, 'bicubic' as const, 'lanczos' as const);
    fc.assert(
      fc.property(side, side, side, side, filter, fc.nat(), (h, w, height, width, interpolation, seed) => {
        let state = seed;
        const data = Uint8Array.from({ length: h * w * 3 }, () => {
          state = (Math.imul(state, 1664525) + 1013904223) | 0;
          // Ends of the range too: it is there that filters overshoot.
          return state >>> 31 ? 255 * ((state >>> 30) & 1) : (state >>> 20) & 255;
        });
        const image = { data, height: h, width: w };
        const across = taps(w, width, interpolation);
        const down = taps(h, height, interpolation);
        for (const first of ['across', 'down'] as const) {
          for (const passes of [
            { first, across, down },
            { first, across: w === width ? undefined : across, down: h === height ? undefined : down },
          ]) {
            const bytes = bytesResize(image, height, width, passes);
            expect(kernelResize(image, height, width, passes)).toEqual(bytes);
            const place = { into: new Float32Array(bytes.length + 5).fill(-1), start: 3 };
            expect(kernelResizeFloats(image, height, width, passes, place)).toBe(true);
            const expected = new Float32Array(bytes.length + 5).fill(-1);
            bytes.forEach((value, i) => (expected[3 + i] = value / 255));
            expect(place.into).toEqual(expected);
          }
        }
      }),
    );
  });

  it('leaves images that are too large for the kernel to TypeScript', () => {
    const image = { data: new Uint8Array(3 * 24e6).fill(9), height: 24_000, width: 1000 };
    const options = { height: 2, width: 2, interpolation: 'box' } as const;
    const passes = { first: 'down', across: taps(1000, 2, 'box'), down: taps(24_000, 2, 'box') } as const;
    expect(kernelResize(image, 2, 2, passes)).toBeUndefined();
    expect([...resize(image, options).data]).toEqual(new Array(12).fill(9));
    const floats = new Float32Array(12);
    putResized(image, options, floats, 0);
    expect(floats).toEqual(new Float32Array(12).fill(9 / 255));
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
