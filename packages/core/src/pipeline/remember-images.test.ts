import { describe, expect, it } from 'vitest';
import type { Dataset } from '../plugin/contracts.js';
import { rememberImages } from './remember-images.js';

describe('rememberImages', () => {
  it('decodes an image once, as far as the budget goes', async () => {
    const loaded: number[] = [];
    const dataset: Dataset = {
      size: 3,
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
    const remembered = rememberImages(dataset, 30);
    expect([remembered.size, remembered.classNames, await remembered.fingerprint()]).toEqual([3, ['grey'], 'three']);
    expect('unchanged' in remembered).toBe(false);
    const images = [];
    for (const _pass of [0, 1]) for await (const item of remembered.items()) images.push((await item.load()).data[0]);
    expect(images).toEqual([0, 1, 2, 0, 1, 2]);
    // 24 of 30 bytes: the third image is read again.
    expect(loaded).toEqual([0, 1, 2, 2]);
  });
});
