import { describe, expect, it } from 'vitest';
import type { Dataset } from '../plugin/contracts.js';
import { rememberImages } from './remember-images.js';

/** Three images of 12 bytes, which note that they were decoded. */
function three(size: number | undefined, loaded: number[]): Dataset {
  return {
    size,
    classNames: ['grey'],
    fingerprint: () => Promise.resolve('three'),
    async *items() {
      for (const n of [0, 1, 2]) {
        const load = () => {
          loaded.push(n);
          return Promise.resolve({ data: new Uint8Array(12).fill(n), height: 2, width: 2 });
        };
        yield Promise.resolve({ id: `${n}`, label: n, path: `${n}`, load });
      }
    },
  };
}

/** Two passes over the images. */
async function passes(dataset: Dataset): Promise<(number | undefined)[]> {
  const images = [];
  for (const _pass of [0, 1]) for await (const item of dataset.items()) images.push((await item.load()).data[0]);
  return images;
}

describe('rememberImages', () => {
  it.each<[string, number | undefined, number, number[]]>([
    ['decodes each image once', 3, 36, [0, 1, 2]],
    ['keeps none of a data set that has no room', 3, 35, [0, 1, 2, 0, 1, 2]],
    ['keeps what there is room for, where nobody knows how many there are', undefined, 30, [0, 1, 2, 2]],
  ])('%s', async (_what, size, budget, expected) => {
    const loaded: number[] = [];
    const remembered = rememberImages(three(size, loaded), budget);
    expect([remembered.size, remembered.classNames, await remembered.fingerprint()]).toEqual([size, ['grey'], 'three']);
    expect('unchanged' in remembered).toBe(false);
    expect(await passes(remembered)).toEqual([0, 1, 2, 0, 1, 2]);
    expect(loaded).toEqual(expected);
  });
});
