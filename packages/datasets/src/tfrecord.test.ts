import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeImageRecord, writeRecords } from '@shield/core';
import { projectRoot } from '@shield/core/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { itemsOf, loadContext } from './testing/load-context.js';
import tfrecord from './tfrecord.js';

let root: string;
beforeEach(async () => void (root = await mkdtemp(join(tmpdir(), 'shield-tfrecord-'))));
afterEach(() => rm(root, { recursive: true }));

/** Files that TensorFlow wrote in the original's form. */
const golden = (name: string) => join(projectRoot(), 'packages/core/src/records/testing/golden', name);
const open = (options: object = {}, context = loadContext()) =>
  tfrecord.open({ path: root, range: 'auto', label_offset: 0, ...options }, context);
const listed = async (options: object = {}) => (await itemsOf(await open(options))).map(({ id, label }) => [id, label]);

/** A file of records with one grey pixel each. */
const write = (name: string, entries: readonly (readonly [string, number])[], compression: 'none' | 'gzip' = 'none') =>
  writeRecords(
    join(root, name),
    entries.map(([id, label]) =>
      encodeImageRecord({ id, label, image: { data: new Uint8Array(3).fill(label), height: 1, width: 1 } }),
    ),
    { compression },
  );

describe('tfrecord', () => {
  it.each(['', '.gz'])('reads what TensorFlow wrote for the original%s', async (suffix) => {
    const path = golden(`attacked_float32.tfrecord${suffix}`);
    const items = await itemsOf(await open({ path, range: '-1,1', label_offset: -1 }));
    expect(items.map(({ id, label }) => [id, label])).toEqual([
      ['ILSVRC2012_val_00000001.JPEG', 242],
      ['ILSVRC2012_val_00000002.JPEG', 0],
      ['ILSVRC2012_val_00050000.JPEG', 999],
      ['bébé-例.png', -1],
    ]);
    const image = await items[0]!.load();
    expect([image.height, image.width]).toEqual([20, 30]);
    expect(image.data[0]).toBeCloseTo((0.9096174836158752 + 1) / 2, 6);
    const [jpeg] = await itemsOf(await open({ path: golden('validation_jpeg.tfrecord') }));
    expect((await jpeg!.load()).data).toBeInstanceOf(Uint8Array);
  });

  it('decodes JPEG files with the inverse DCT that preprocess.idct names', async () => {
    const pixels = async (options: object) => {
      const [jpeg] = await itemsOf(await open({ path: golden('validation_jpeg.tfrecord'), ...options }));
      return (await jpeg!.load()).data;
    };
    const [plain, slow, fast] = await Promise.all(
      [{}, { preprocess: { idct: 'islow' } }, { preprocess: { idct: 'ifast' } }].map(pixels),
    );
    expect(slow).toEqual(plain);
    expect(fast).not.toEqual(slow);
  });

  it('takes shards in order, and classes, ids, skip, limit and shuffle as every dataset', async () => {
    await write('b-00001-of-00003', [
      ['d', 1],
      ['e', 2],
    ]);
    await write('b-00000-of-00003', [
      ['z', 0],
      ['c', 1],
    ]);
    const context = loadContext();
    const dataset = await open({}, context);
    expect((await itemsOf(dataset)).map(({ id }) => id)).toEqual(['z', 'c', 'd', 'e']);
    expect(dataset.size).toBe(4);
    expect(context.said).toEqual(['tfrecord: the shard b-00002-of-00003 is not there; the others are used']);
    expect(context.read.map((path) => path.slice(root.length + 1))).toEqual(['b-00000-of-00003', 'b-00001-of-00003']);
    expect(await listed({ skip: 1, limit: 2 })).toEqual([
      ['c', 1],
      ['d', 1],
    ]);
    expect((await listed({ only_classes: [1] })).map(([id]) => id)).toEqual(['c', 'd']);
    expect((await listed({ only_ids: ['e', 'z'] })).map(([id]) => id)).toEqual(['z', 'e']);
    const shuffled = await listed({ shuffle: true });
    expect(await listed({ shuffle: true })).toEqual(shuffled);
    expect((await listed({ path: join(root, 'b-*1-of-*') })).map(([id]) => id)).toEqual(['d', 'e']);
  });

  it('reads packed files out of order, with a warning', async () => {
    await write(
      'packed',
      Array.from({ length: 20 }, (_, i) => [`${i}`, i] as const),
      'gzip',
    );
    const context = loadContext();
    const items = await itemsOf(await open({ shuffle: true }, context));
    for (const { label, load } of items) expect((await load()).data[0]).toBe(label);
    expect(context.said[0]).toContain('unpacked again and again');
  });

  it('is named by ids, labels, content and range', async () => {
    const name = async (options: object = {}) => (await open(options)).fingerprint();
    await write('a', [
      ['x', 1],
      ['y', 2],
    ]);
    const before = await name();
    expect(await name()).toBe(before);
    for (const options of [{ range: '0,255' }, { label_offset: 1 }, { limit: 1 }])
      expect(await name(options)).not.toBe(before);
    await write('a', [
      ['x', 1],
      ['y', 3],
    ]);
    expect(await name()).not.toBe(before);
  });

  it('counts a damaged record as a damaged image, and names the file and the byte', async () => {
    const path = join(root, 'damaged');
    await cp(golden('corrupt_crc.tfrecord'), path);
    const [first, second] = await itemsOf(await open({ path }));
    await expect(first!.load()).rejects.toMatchObject({
      code: 'IMAGE_CORRUPT',
      params: { path: `${path} at byte 0` },
      message: expect.stringContaining('checksum of a record is wrong') as string,
    });
    expect((await second!.load()).height).toBe(30);
    const bytes = await readFile(path);
    bytes[8]! ^= 1;
    await writeFile(path, bytes);
    await expect(open({ path })).rejects.toMatchObject({ code: 'RECORD_CORRUPT', params: { path, offset: 0 } });
  });

  it('refuses two images of a name, another range, and paths without files', async () => {
    await write('a', [['x', 1]]);
    const [item] = await itemsOf(await open({ range: '-1,1' }));
    await expect(item!.load()).rejects.toThrow('samples are in 0,255 and not in -1,1');
    await write('b', [['x', 2]]);
    await expect(open()).rejects.toThrow(
      `two images are named x: ${join(root, 'a')} at byte 0, ${join(root, 'b')} at byte 0`,
    );
    await expect(open({ path: join(root, 'c-*') })).rejects.toMatchObject({ code: 'DATASET_MISSING' });
    await writeFile(join(root, 'empty'), '');
    await expect(open({ path: join(root, 'empty') })).rejects.toMatchObject({ code: 'DATASET_EMPTY' });
  });
});
