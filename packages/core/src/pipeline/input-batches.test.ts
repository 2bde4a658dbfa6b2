import { describe, expect, it } from 'vitest';
import type { Dataset } from '../plugin/contracts.js';
import { inputBatches } from './input-batches.js';
import { returnPixels } from './pixel-memory.js';

const SIZE = { height: 5, width: 7 };
const LENGTH = SIZE.height * SIZE.width * 3;
const BATCHES = 9;

/** Images of one value each. */
const dataset: Dataset = {
  size: 2 * BATCHES,
  fingerprint: () => Promise.resolve('drawn'),
  async *items() {
    for (let i = 0; i < 2 * BATCHES; i++) {
      await Promise.resolve();
      const load = () => Promise.resolve({ data: new Uint8Array(LENGTH).fill(i), ...SIZE });
      yield { id: String(i), label: 0, path: 'drawn', load };
    }
  },
};

const batches = () =>
  inputBatches(dataset, {
    batch: 2,
    size: SIZE,
    preprocess: { resize: 'stretch', crop: 1, interpolation: 'bilinear' },
    onCorrupt: 'fail',
    classes: 1,
    signal: new AbortController().signal,
    needed: () => true,
  });
const wanted = (index: number) => Float32Array.from({ length: 2 * LENGTH }, (_, i) => (2 * index + (i < LENGTH ? 0 : 1)) / 255); // prettier-ignore

describe('inputBatches', () => {
  it('takes memory again that was given back, and never what was not', async () => {
    const kept: Float32Array[] = [];
    const memory = new Set<ArrayBufferLike>();
    for await (const { index, pixels } of batches()) {
      expect(pixels).toEqual(wanted(index));
      if (index === 1 || index === 4) kept.push(pixels);
      else {
        memory.add(pixels.buffer);
        returnPixels(pixels.fill(NaN));
      }
    }
    expect(memory.size).toBeLessThan(BATCHES - kept.length);
    expect(kept).toEqual([wanted(1), wanted(4)]);
  });
});
