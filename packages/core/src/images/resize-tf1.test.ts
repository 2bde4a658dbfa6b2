import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { openBackend } from '../backend/open-backend.js';
import { projectRoot } from '../testing/shared-data.js';
import { nativeForTests } from '../testing/native-for-tests.js';
import { cut } from './preprocess.js';
import { toFloatImage } from './quantize.js';
import { kernelResizeTf1 } from './resize-kernel.js';
import { resizeTf1 } from './resize-tf1.js';
import { putResized, resize } from './resize.js';
import recorded from './testing/resize-tf1.json' with { type: 'json' };
import { formula, sha256 } from './testing/recorded.js';

const bytesOf = (values: Float32Array) => Buffer.from(values.buffer, values.byteOffset, values.byteLength);

const native = await nativeForTests();

beforeAll(async () => {
  execFileSync(process.execPath, [join(projectRoot(), 'build-kernels.js')]);
  await openBackend(native ? 'node' : 'cpu', { log: () => undefined, warn: () => undefined });
});

describe('bilinear_tf1', () => {
  it.each(recorded.resized)('is TensorFlow’s, bit for bit: $from to $to', ({ from, to, floats }) => {
    const [height, width] = to as [number, number];
    const image = formula(from[0]!, from[1]!);
    const options = { height, width, interpolation: 'bilinear_tf1' } as const;
    for (const given of [image, toFloatImage(image)]) {
      expect(sha256(resizeTf1(given, height, width).data)).toBe(floats);
      const place = { into: new Float32Array(height * width * 3 + 5).fill(-1), start: 3 };
      expect(kernelResizeTf1(given, height, width, place)).toBe(true);
      expect(sha256(place.into.slice(3, -2))).toBe(floats);
      expect([...place.into.slice(0, 3), ...place.into.slice(-2)]).toEqual([-1, -1, -1, -1, -1]);
      expect(sha256(resize(given, options).data)).toBe(floats);
      const put = new Float32Array(height * width * 3);
      putResized(given, options, put, 0);
      expect(sha256(put)).toBe(floats);
    }
  });

  it('gives what the kernel of the backend at hand gives, of any sizes, and stays in range', () => {
    const side = fc.integer({ min: 1, max: 40 });
    fc.assert(
      fc.property(side, side, side, side, (h, w, height, width) => {
        const image = toFloatImage(formula(h, w));
        const given = resize(image, { height, width, interpolation: 'bilinear_tf1' }).data;
        const expected = tf.tidy(() =>
          tf.image.resizeBilinear(tf.tensor3d(image.data, [h, w, 3]), [height, width], false, false).dataSync(),
        );
        expect(given.length).toBe(expected.length);
        const apart = given.reduce((most, value, k) => Math.max(most, Math.abs(value - expected[k]!)), 0);
        expect(apart).toBeLessThan(native ? 2e-7 : 1e-5);
        expect(given.every((value) => value >= 0 && value <= 1)).toBe(true);
      }),
    );
  });

  it('gives the same bits in WebAssembly as without: up and down, sides of one pixel, bytes and floats, of parts', () => {
    const side = fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 90 }));
    const margin = fc.integer({ min: 0, max: 5 });
    fc.assert(
      fc.property(side, side, side, side, margin, margin, fc.boolean(), (h, w, height, width, top, left, bytes) => {
        const whole = formula(h + 2 * top, w + 2 * left);
        const part = cut(bytes ? whole : toFloatImage(whole), top, left, { height: h, width: w });
        const { data: expected } = resizeTf1(part, height, width);
        const place = { into: new Float32Array(expected.length + 2).fill(-1), start: 1 };
        expect(kernelResizeTf1(part, height, width, place)).toBe(true);
        expect(Buffer.compare(Buffer.from(place.into.buffer, 4, 4 * expected.length), bytesOf(expected))).toBe(0);
        expect([place.into[0], place.into.at(-1)]).toEqual([-1, -1]);
      }),
    );
  });

  it('takes bytes as k / 255 to the last bit', () => {
    const data = Uint8Array.from({ length: 3 * 256 }, (_, i) => Math.floor(i / 3));
    const place = { into: new Float32Array(3 * 256), start: 0 };
    kernelResizeTf1({ data, height: 256, width: 1 }, 256, 1, place);
    expect(place.into).toEqual(Float32Array.from(data, (k) => k / 255));
  });

  it('leaves images that are too large for the kernel to TypeScript', () => {
    const image = { data: new Float32Array(3).fill(0.2), height: 1, width: 1 };
    const [height, width] = [2400, 2400];
    expect(kernelResizeTf1(image, height, width, { into: new Float32Array(0), start: 0 })).toBe(false);
    const { data } = resize(image, { height, width, interpolation: 'bilinear_tf1' });
    expect([data.length, data[0], data.at(-1)]).toEqual([3 * height * width, Math.fround(0.2), Math.fround(0.2)]);
  });

  it('takes samples at the upper left corners of pixels', () => {
    const data = Float32Array.of(0, 0, 0, 0.5, 0.5, 0.5, 1, 1, 1);
    const { data: out } = resize({ data, height: 1, width: 3 }, { height: 1, width: 6, interpolation: 'bilinear_tf1' });
    expect([...out].filter((_, i) => i % 3 === 0)).toEqual([0, 0.25, 0.5, 0.75, 1, 1]);
  });
});
