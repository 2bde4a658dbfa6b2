import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import type { InverseDct } from '@shield/core/jpeg';
import { beforeAll, describe, expect, it } from 'vitest';
import { codecKind, jpegRoundTrip, slqRoundTrip } from './kernel.js';
import { kernelTable, reciprocal } from './kernel-tables.js';
import { patchGrid, type PatchQualities } from './patch-qualities.js';
import * as reference from './reference.js';
import type { CodecSettings, Samples, Subsampling } from './settings.js';
import { drawnImage } from './testing/drawn-image.js';
import { recordedTrips } from './testing/recorded.js';

const SUBSAMPLINGS = ['4:2:0', '4:2:2', '4:4:4'] satisfies Subsampling[];
const IDCTS = ['islow', 'ifast'] satisfies InverseDct[];

const differences = (a: Samples, b: Samples) => a.data.reduce((n, value, i) => n + (value === b.data[i] ? 0 : 1), 0);

beforeAll(() => {
  execFileSync(process.execPath, [fileURLToPath(new URL('../../../../build-kernels.js', import.meta.url))]);
});

it('runs in WebAssembly', () => {
  expect(codecKind()).toBe('wasm-simd');
});

describe('the quantisation table', () => {
  it('divides as whole numbers do: every step, every coefficient up to 2^14', () => {
    const round15 = (x: number) => (x + 16384) >> 15;
    for (let step = 1; step <= 255; step++) {
      const { factor, scale } = reciprocal(step);
      const divisor = 8 * step;
      for (let size = 0; size < 16384; size++) {
        const quotient = Math.floor((size + divisor / 2) / divisor);
        const above = round15(round15(size * factor) * scale);
        const below = round15((round15(-size * factor) - (size > 0 ? 1 : 0)) * scale);
        if (above !== quotient || below + quotient !== 0) throw new Error(`${size} / ${divisor}: ${above}, ${below}`);
      }
    }
  });

  it('knows the largest size that becomes zero', () => {
    const table = kernelTable(
      Uint8Array.from({ length: 64 }, (_, i) => i + 1),
      'islow',
    );
    expect(Array.from(table.subarray(192, 195))).toEqual([3, 7, 11]);
  });
});

describe.each(IDCTS)('the kernel against Pillow and TurboJPEG, %s', (idct) => {
  it('gives the pixels that were recorded', () => {
    for (const { sha256, seed, channels, height, width, quality, subsampling } of recordedTrips().filter(
      (trip) => trip.idct === idct,
    )) {
      const { data } = jpegRoundTrip(drawnImage(seed, channels, height, width), quality, { subsampling, idct });
      const digest = createHash('sha256').update(data).digest('hex');
      expect({ seed, subsampling, height, width, quality, digest }).toMatchObject({ digest: sha256 });
    }
  });
});

describe.each(SUBSAMPLINGS.flatMap((subsampling) => IDCTS.map((idct) => ({ subsampling, idct }))))(
  'the kernel against the reference, $subsampling $idct',
  (settings: CodecSettings) => {
    it('gives the same pixels at every quality, colour and grey', () => {
      for (let quality = 1; quality <= 100; quality++) {
        const image = drawnImage(quality + 7, quality % 5 === 0 ? 1 : 3, 5 + (quality % 29), 3 + (quality % 47));
        const found = differences(
          jpegRoundTrip(image, quality, settings),
          reference.jpegRoundTrip(image, quality, settings),
        );
        expect([quality, found]).toEqual([quality, 0]);
      }
    });

    it('gives the same pixels at sizes from 1×1', () => {
      for (let height = 1; height <= 34; height += 3) {
        for (let width = 1; width <= 34; width++) {
          const image = drawnImage(height * 100 + width, 3, height, width);
          const quality = 1 + ((height * 41 + width * 7) % 100);
          const found = differences(
            jpegRoundTrip(image, quality, settings),
            reference.jpegRoundTrip(image, quality, settings),
          );
          expect([height, width, quality, found]).toEqual([height, width, quality, 0]);
        }
      }
    });

    it('gives the same pixels where rows are long', () => {
      for (const [height, width] of [
        [131, 517],
        [299, 299],
      ] as const) {
        const image = drawnImage(width, 3, height, width);
        const found = differences(jpegRoundTrip(image, 60, settings), reference.jpegRoundTrip(image, 60, settings));
        expect([height, width, found]).toEqual([height, width, 0]);
      }
    });

    it('quantises patches as whole images picked from: patches and offsets of any size, images of any shape', () => {
      for (let k = 0; k < 60; k++) {
        const patch = [8, 8, 16, 1, 2, 3, 5, 7, 9, 24, 31, 100][k % 12]!;
        const offset = { y: k % 4 < 2 ? 0 : (k * 5) % patch, x: k % 4 === 0 ? 0 : (k * 3) % patch };
        const [height, width] = [1 + ((k * 13) % 43), 1 + ((k * 29) % 67)];
        const image = drawnImage(k, k % 10 === 9 ? 1 : 3, height, width);
        const qualities = [20, 40, 60, 80, 1, 100, 95].slice(0, 1 + (k % 7));
        const { rows, columns } = patchGrid(height, width, patch, offset);
        const choice = drawnImage(4 * k, 1, rows, columns).data.map((value) => value % qualities.length);
        const patches: PatchQualities = { qualities, patch, offset, choice };
        const found = differences(
          slqRoundTrip(image, patches, settings),
          reference.slqRoundTrip(image, patches, settings),
        );
        expect([k, height, width, patch, offset, found]).toEqual([k, height, width, patch, offset, 0]);
      }
    });
  },
);
