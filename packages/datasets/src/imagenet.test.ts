import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeExample, writeRecords, type Feature } from '@shield/core';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import imagenet from './imagenet.js';
import { itemsOf, loadContext } from './testing/load-context.js';

let root: string;
beforeEach(async () => void (root = await mkdtemp(join(tmpdir(), 'shield-imagenet-'))));
afterEach(() => rm(root, { recursive: true }));

const open = (options: object = {}, context = loadContext()) =>
  imagenet.open({ path: root, split: 'validation', range: 'auto', label_offset: -1, ...options }, context);
const text = (value: string): Feature => ({ kind: 'bytes', values: [Buffer.from(value)] });
const int = (value: number): Feature => ({ kind: 'int64', values: [value] });

/** A shard as TensorFlow's script writes it, of grey JPEGs. */
async function shard(path: string, entries: readonly (readonly [string, number])[]): Promise<void> {
  await mkdir(join(path, '..'), { recursive: true });
  const create = { width: 8, height: 4, channels: 3, background: { r: 90, g: 90, b: 90 } } as const;
  const jpeg = await sharp({ create }).jpeg().toBuffer();
  await writeRecords(
    path,
    entries.map(([name, label]) =>
      encodeExample({
        'image/filename': text(name),
        'image/encoded': { kind: 'bytes', values: [jpeg] },
        'image/height': int(4),
        'image/width': int(8),
        'image/colorspace': text('RGB'),
        'image/channels': int(3),
        'image/format': text('JPEG'),
        'image/class/label': int(label),
        'image/class/synset': text('n01440764'),
      }),
    ),
  );
}

describe('imagenet', () => {
  it('takes one split of the provisioned folder, its labels without the background class', async () => {
    await shard(join(root, 'validation/validation-00000-of-00001'), [
      ['a.JPEG', 1],
      ['b.JPEG', 1000],
    ]);
    await shard(join(root, 'train/train-00000-of-00001'), [['c.JPEG', 2]]);
    const dataset = await open();
    const items = await itemsOf(dataset);
    expect(items.map(({ id, label }) => [id, dataset.classNames![label]])).toEqual([
      ['a.JPEG', 'tench'],
      ['b.JPEG', 'toilet tissue'],
    ]);
    const image = await items[0]!.load();
    expect([image.height, image.width, image.data[0]]).toEqual([4, 8, 90]);
    expect((await itemsOf(await open({ split: 'train' }))).map(({ id }) => id)).toEqual(['c.JPEG']);
    expect((await itemsOf(await open({ path: join(root, 'train'), split: 'train' }))).length).toBe(1);
    expect((await itemsOf(await open({ only_classes: ['n01440764', 'toilet tissue'] }))).length).toBe(2);
    await expect(open({ only_classes: ['tench'], label_offset: 0 })).rejects.toMatchObject({ code: 'DATASET_EMPTY' });
  });

  it('says how the files are made where they are not there', async () => {
    await expect(open({ path: join(root, 'nothing') })).rejects.toMatchObject({
      code: 'DATASET_MISSING',
      fix: expect.stringContaining('shield data provision imagenet') as string,
    });
    await expect(open()).rejects.toMatchObject({ code: 'DATASET_MISSING' });
  });
});
