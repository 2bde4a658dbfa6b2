import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../random/random.js';
import { chooseItems } from './choose-items.js';
import type { LoadContext } from './contracts.js';

let folder: string;
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'shield-choose-'))));
afterAll(() => rm(folder, { recursive: true }));

const items = Array.from({ length: 30 }, (_, i) => ({ id: `image-${i}`, label: i % 3 }));
const opened: string[] = [];
const context = {
  random: (...name: (string | number)[]) => new Random(7, ...name),
  resolvePath: (path: string) => join(folder, path),
  opened: (path: string) => void opened.push(path),
} as unknown as LoadContext;
const choose = async (options: object) =>
  (
    await chooseItems(items, options, context, {
      name: 'test',
      of: (item) => item,
      classNumber: (word) => (word === 'cat' ? 2 : undefined),
    })
  ).map(({ id }) => Number(id.slice(6)));

describe('chooseItems', () => {
  it('takes classes by number and by word', async () => {
    expect(await choose({ only_classes: [1], limit: 3 })).toEqual([1, 4, 7]);
    expect(await choose({ only_classes: ['cat', 0], limit: 4 })).toEqual([0, 2, 3, 5]);
    await expect(choose({ only_classes: ['dog'] })).rejects.toMatchObject({ code: 'DATASET_INVALID' });
  });

  it('takes ids from a list or a file, in the order of the dataset', async () => {
    expect(await choose({ only_ids: ['image-9', 'image-2'] })).toEqual([2, 9]);
    await writeFile(join(folder, 'ids.txt'), 'image-9\r\n\n  image-2\n');
    expect(await choose({ only_ids: 'ids.txt' })).toEqual([2, 9]);
    expect(opened).toEqual([join(folder, 'ids.txt')]);
    expect(await choose({ only_ids: ['image-9', 'image-2'], only_classes: [2] })).toEqual([2]);
    await expect(choose({ only_ids: 'none.txt' })).rejects.toMatchObject({ code: 'DATASET_MISSING' });
    await expect(choose({ only_ids: ['image-9', 'imaeg-3'] })).rejects.toMatchObject({
      code: 'DATASET_INVALID',
      message: expect.stringContaining('no image imaeg-3') as string,
      fix: expect.stringContaining('did you mean "image-3"') as string,
    });
  });

  it('shuffles and cuts what the choice leaves', async () => {
    const shuffled = await choose({ only_classes: [1], shuffle: true });
    expect([...shuffled].sort((a, b) => a - b)).toEqual([1, 4, 7, 10, 13, 16, 19, 22, 25, 28]);
    expect(shuffled).not.toEqual([...shuffled].sort((a, b) => a - b));
    expect(await choose({ only_classes: [1], shuffle: true, skip: 2, limit: 3 })).toEqual(shuffled.slice(2, 5));
  });

  it('says why nothing is left', async () => {
    await expect(choose({ skip: 30 })).rejects.toThrow('skip leaves none of its 30 images');
    await expect(choose({ only_classes: [7] })).rejects.toThrow('only_classes leave none of its 30 images');
  });
});
