import { AssertionError } from 'node:assert/strict';
import { Type } from '@sinclair/typebox';
import { describe, expect, it } from 'vitest';
import { chooseItems } from '../plugin/choose-items.js';
import type { Dataset, DatasetItem } from '../plugin/contracts.js';
import { defineDataset } from '../plugin/define.js';
import { datasetConformance } from './dataset-conformance.js';

type Change = (dataset: Dataset, opened: number) => Partial<Dataset>;

/** Five grey images of two classes, and what is wrong with them. */
function greys(change: Change = () => ({}), choose = true) {
  let opened = 0;
  return defineDataset({
    name: 'greys',
    summary: 'grey images, one of each level',
    options: Type.Object({}),
    open: async (options, context): Promise<Dataset> => {
      opened++;
      const all = [0, 1, 2, 3, 4].map((level) => ({ level, id: `grey-${level}`, label: level % 2 }));
      const chosen = choose ? await chooseItems(all, options, context, { name: 'greys', of: (item) => item }) : all;
      const dataset: Dataset = {
        size: chosen.length,
        fingerprint: () => Promise.resolve(JSON.stringify(chosen)),
        async *items() {
          for (const { level, id, label } of chosen) {
            const load = () => Promise.resolve({ data: new Uint8Array(12).fill(level), height: 2, width: 2 });
            yield Promise.resolve({ id, label, path: id, load });
          }
        },
      };
      return { ...dataset, ...change(dataset, opened) };
    },
  });
}

/** The images with other items in their place. */
const items =
  (other: (item: DatasetItem, index: number) => Partial<DatasetItem>): Change =>
  (dataset) => ({
    async *items() {
      let index = 0;
      for await (const item of dataset.items()) yield { ...item, ...other(item, index++) };
    },
  });

async function failures(plugin: ReturnType<typeof greys>): Promise<string[]> {
  const failed: string[] = [];
  for (const { name, run } of datasetConformance(plugin)) {
    try {
      await run();
    } catch (error) {
      expect(error).toBeInstanceOf(AssertionError);
      failed.push(name.split(/[ :,]/).slice(0, 2).join(' '));
    }
  }
  return failed;
}

describe('datasetConformance', () => {
  it('a data set that holds to the contract passes', async () => {
    expect(await failures(greys())).toEqual([]);
    expect(await failures(greys(() => ({ unchanged: () => true, size: undefined })))).toEqual([]);
  });

  it.each<[string, Change, string[]]>([
    ['two ids alike', items((_item, i) => (i === 1 ? { id: 'grey-0' } : {})), ['lists its', 'heeds what']],
    ['a label that is none', items((_item, i) => (i === 1 ? { label: -1 } : {})), ['lists its', 'heeds what']],
    ['another size', () => ({ size: 7 }), ['lists its']],
    ['a class without a name', () => ({ classNames: ['even'] }), ['lists its']],
    [
      'an order that changes',
      (_dataset, opened) => items((item) => ({ id: `${item.id}-${opened % 2}` }))(_dataset, opened),
      ['lists its', 'heeds what'],
    ],
    [
      'images of another shape than they say',
      items(() => ({ load: () => Promise.resolve({ data: new Uint8Array(11), height: 2, width: 2 }) })),
      ['gives RGB'],
    ],
    [
      'floats outside [0, 1]',
      items(() => ({ load: () => Promise.resolve({ data: new Float32Array(12).fill(2), height: 2, width: 2 }) })),
      ['gives RGB'],
    ],
    [
      'images that change',
      (dataset, opened) =>
        items(() => ({
          load: () => Promise.resolve({ data: new Uint8Array(12).fill(opened), height: 2, width: 2 }),
        }))(dataset, opened),
      ['gives RGB'],
    ],
    ['one fingerprint for all', () => ({ fingerprint: () => Promise.resolve('grey') }), ['its fingerprint']],
    [
      'a fingerprint for each opening',
      (_d, opened) => ({ fingerprint: () => Promise.resolve(`${opened}`) }),
      ['its fingerprint'],
    ],
    ['changes from the start', () => ({ unchanged: () => false }), ['says of']],
  ])('%s: told', async (_what, change, expected) => {
    expect(await failures(greys(change))).toEqual(expected);
  });

  it('options that are not heeded: told', async () => {
    expect(await failures(greys(() => ({}), false))).toEqual(['its fingerprint', 'heeds what']);
  });
});
