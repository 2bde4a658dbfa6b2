import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { datasetConformance } from '@shield/core/testing';
import { afterAll, describe, expect, test } from 'vitest';
import dataset from './my-dataset.js';

const folder = mkdtempSync(join(tmpdir(), 'my-dataset-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Images in the published form, one of each class: the red plane 10, the green 20, the blue 30, one pixel another. */
const path = join(folder, 'test_batch.bin');
const record = (label: number) => {
  const planes = [10, 20, 30].map((level) => Buffer.alloc(1024, level));
  planes[1]![33] = 200 + label; // green, in the second row, second from the left
  return Buffer.concat([Buffer.from([label]), ...planes]);
};
writeFileSync(path, Buffer.concat([...Array(10).keys()].map(record)));

describe('cifar10 conforms', () => {
  for (const { name, run } of datasetConformance(dataset, { options: { path } })) test(name, run);
});

test('cifar10 puts planes together, and refuses a file of another kind', async () => {
  const context = {
    assets: { file: () => Promise.reject(new Error()), files: () => Promise.reject(new Error()) },
    resolvePath: (given: string) => given,
    random: () => {
      throw new Error('nothing is drawn');
    },
    signal: new AbortController().signal,
    log: () => undefined,
    warn: () => undefined,
    opened: () => undefined,
  };
  const { items } = await dataset.open({ path }, context);
  for await (const { id, label, load } of items()) {
    const { data, height, width } = await load();
    expect([id, height, width]).toEqual([`test_batch-0000${label}`, 32, 32]);
    expect([...data.slice(0, 3)]).toEqual([10, 20, 30]);
    expect([...data.slice(33 * 3, 34 * 3)]).toEqual([10, 200 + label, 30]);
  }
  writeFileSync(join(folder, 'other.bin'), 'no images');
  const other = dataset.open({ path: join(folder, 'other.bin') }, context);
  await expect(other).rejects.toMatchObject({ code: 'DATASET_INVALID' });
  await expect(dataset.open({ path: 'nowhere.bin' }, context)).rejects.toMatchObject({ code: 'DATASET_MISSING' });
});
