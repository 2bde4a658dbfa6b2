import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { decodeImage } from '@shield/core';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import imageFolder from './image-folder.js';
import { itemsOf, loadContext } from './testing/load-context.js';

let root: string;
beforeEach(async () => void (root = await mkdtemp(join(tmpdir(), 'shield-folder-'))));
afterEach(() => rm(root, { recursive: true }));

const DEFAULTS = {
  csv: '',
  images: '',
  image_column: 'image',
  label_column: 'label',
  label_offset: 0,
  extension: '',
  classes: {},
};
const open = (options: object = {}, context = loadContext()) =>
  imageFolder.open({ path: root, ...DEFAULTS, ...options }, context);
const listed = async (options: object = {}) => (await itemsOf(await open(options))).map(({ id, label }) => [id, label]);

/** A 2×2 PNG of one grey. */
async function image(path: string, grey = 0): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true });
  const create = { width: 2, height: 2, channels: 3, background: { r: grey, g: grey, b: grey } } as const;
  await writeFile(join(root, path), await sharp({ create }).png().toBuffer());
}

async function csv(text: string): Promise<void> {
  await writeFile(join(root, 'list.csv'), text);
}

describe('image_folder with class folders', () => {
  it('takes files by class folder and name, whatever the file system’s order, and passes over other files', async () => {
    for (const name of ['b/2.png', 'b/10.PNG', 'a/z.jpeg', 'a/deep/y.png', 'b/.hidden.png']) await image(name);
    await writeFile(join(root, 'a/readme.txt'), 'no image');
    await writeFile(join(root, 'notes.csv'), 'no image');
    expect(await listed()).toEqual([
      ['y', 0],
      ['z', 0],
      ['10', 1],
      ['2', 1],
    ]);
    expect((await open()).classNames).toEqual(['a', 'b']);
  });

  it('knows ImageNet’s wnids', async () => {
    for (const wnid of ['n03888257', 'n01440764', 'n02102040']) await image(`${wnid}/${wnid}_1.JPEG`);
    expect(await listed()).toEqual([
      ['n01440764_1', 0],
      ['n02102040_1', 217],
      ['n03888257_1', 701],
    ]);
    const { classNames } = await open();
    expect([classNames!.length, classNames![217]]).toEqual([1000, 'English springer']);
  });

  it('takes the numbers that the spec gives, as a mapping or in order', async () => {
    for (const name of ['cat/1.png', 'dog/2.png']) await image(name);
    expect(await listed({ classes: { dog: 3, cat: 5 } })).toEqual([
      ['1', 5],
      ['2', 3],
    ]);
    expect(await listed({ classes: ['bird', 'dog', 'cat'] })).toEqual([
      ['1', 2],
      ['2', 1],
    ]);
    await expect(open({ classes: { dog: 3 } })).rejects.toMatchObject({
      code: 'DATASET_INVALID',
      params: { name: 'image_folder' },
    });
    expect((await open({ classes: { dog: 1e12, cat: 0 } })).classNames).toBeUndefined();
  });

  it('uses paths as ids where names are not unique', async () => {
    for (const name of ['a/1.png', 'b/1.png', 'b/2.png']) await image(name);
    expect(await listed()).toEqual([
      ['a/1.png', 0],
      ['b/1.png', 1],
      ['b/2.png', 1],
    ]);
  });

  it('skips, limits and shuffles', async () => {
    for (let i = 0; i < 9; i++) await image(`a/${i}.png`);
    expect((await listed({ skip: 2, limit: 3 })).map(([id]) => id)).toEqual(['2', '3', '4']);
    const shuffled = await listed({ shuffle: true });
    expect(shuffled).not.toEqual(await listed());
    expect(await listed({ shuffle: true })).toEqual(shuffled);
    expect((await open({ limit: 3 })).size).toBe(3);
  });

  it('is named by ids, labels and bytes', async () => {
    await image('a/1.png', 10);
    await image('b/2.png', 20);
    const name = async (options: object = {}) => (await open(options)).fingerprint();
    const before = await name();
    expect(await name()).toBe(before);
    expect(await name({ classes: { a: 4, b: 5 } })).not.toBe(before);
    expect(await name({ limit: 1 })).not.toBe(before);
    await image('b/2.png', 21);
    expect(await name()).not.toBe(before);
  });

  it('finds out a corrupt image when it is loaded, and names it', async () => {
    await image('a/good.png', 7);
    await writeFile(join(root, 'a/none.png'), '');
    const [good, none] = await itemsOf(await open());
    expect((await good!.load()).data[0]).toBe(7);
    const path = join(root, 'a/none.png');
    await expect(none!.load()).rejects.toMatchObject({ code: 'IMAGE_CORRUPT', params: { id: 'none', path } });
  });

  it('says when the folder is not there, empty, or has no class folders', async () => {
    const gone = join(root, 'gone');
    await expect(open({ path: gone })).rejects.toMatchObject({ code: 'DATASET_MISSING', params: { path: gone } });
    await expect(open()).rejects.toMatchObject({ code: 'DATASET_EMPTY' });
    await image('loose.png');
    await expect(open()).rejects.toThrow('1 images, but no class folders');
    await expect(open({ path: join(root, 'loose.png') })).rejects.toMatchObject({ code: 'DATASET_MISSING' });
    await rm(join(root, 'loose.png'));
    await mkdir(join(root, 'a'));
    await expect(open()).rejects.toMatchObject({ code: 'DATASET_EMPTY', params: { name: 'image_folder' } });
    await image('a/1.png');
    await expect(open({ skip: 1 })).rejects.toThrow('skip leaves none of its 1 images');
  });
});

describe('image_folder with a csv', () => {
  const nips = {
    csv: 'list.csv',
    images: 'photos',
    image_column: 'ImageId',
    label_column: 'TrueLabel',
    label_offset: -1,
    extension: '.png',
  };

  it('takes the rows in their order, with an offset and an extension', async () => {
    await csv('ImageId,Author,TrueLabel\nzz,"Doe, J.",389\naa,x,1\n');
    await image('photos/zz.png', 3);
    const context = loadContext();
    const items = await itemsOf(await open(nips, context));
    expect(items.map(({ id, label }) => [id, label])).toEqual([
      ['zz', 388],
      ['aa', 0],
    ]);
    expect((await items[0]!.load()).data[0]).toBe(3);
    await expect(items[1]!.load()).rejects.toMatchObject({ code: 'IMAGE_CORRUPT' });
    expect(context.read).toEqual([join(root, 'list.csv')]);
  });

  it('takes wnids and words as labels', async () => {
    await csv('image,label\n1.png,n02102040\n2.png,n01440764\n');
    expect(await listed({ csv: 'list.csv' })).toEqual([
      ['1', 217],
      ['2', 0],
    ]);
    await csv('image,label\n1.png,dog\n2.png,cat\n');
    expect(await listed({ csv: 'list.csv' })).toEqual([
      ['1', 1],
      ['2', 0],
    ]);
    expect(await listed({ csv: 'list.csv', classes: { dog: 9, cat: 8 } })).toEqual([
      ['1', 9],
      ['2', 8],
    ]);
  });

  it.each([
    ['a,label\n1,2\n', 'it has no column "image"'],
    ['image,b\n1,2\n', 'it has no column "label"'],
    ['image,label\n,2\n', 'row 1 names no image'],
    ['image,label\n1.png,2\n../2.png,2\n', 'row 2 names a file outside of'],
    ['image,label\n"1.png,2\n', 'a quote is not closed'],
  ])('refuses %j', async (text, reason) => {
    await csv(text);
    await expect(open({ csv: 'list.csv' })).rejects.toMatchObject({ code: 'DATASET_INVALID' });
    await expect(open({ csv: 'list.csv' })).rejects.toThrow(reason);
  });

  it('says when the csv is not there or lists nothing', async () => {
    await expect(open({ csv: 'list.csv' })).rejects.toMatchObject({
      code: 'DATASET_MISSING',
      params: { path: join(root, 'list.csv') },
    });
    await csv('image,label\n');
    await expect(open({ csv: 'list.csv' })).rejects.toMatchObject({ code: 'DATASET_EMPTY' });
  });
});

it("decodes JPEG files with the inverse DCT that preprocess.idct names, as core's decodeImage does", async () => {
  const size = 40 * 30 * 3;
  const noise = Uint8Array.from({ length: size }, (_, i) => Math.imul(i, 2654435761) >>> 24);
  const file = await sharp(noise, { raw: { width: 40, height: 30, channels: 3 } })
    .jpeg()
    .toBuffer();
  await mkdir(join(root, 'a'));
  await writeFile(join(root, 'a/noise.jpg'), file);
  const pixels = async (options: object) => (await (await itemsOf(await open(options)))[0]!.load()).data;
  const [plain, slow, fast] = await Promise.all(
    [{}, { preprocess: { idct: 'islow' } }, { preprocess: { idct: 'ifast' } }].map(pixels),
  );
  expect(slow).toEqual(plain);
  expect(fast).toEqual((await decodeImage(file, 'noise', 'noise', 'ifast')).data);
  expect(fast).not.toEqual(slow);
});
