import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { numberClasses } from './class-numbers.js';
import { labelValidation } from './label-images.js';
import type { RawImage } from './raw-image.js';
import { listOf } from './testing/image-lists.js';
import { devkit, goldenMeta, temporaryFolder, validationName } from './testing/raw-data.js';

const root = temporaryFolder();
const fresh = () => mkdtempSync(join(root, 'raw-'));
const named = (...names: string[]): RawImage[] => names.map((name) => ({ name, path: 'a.tar', offset: 512, size: 9 }));
const wnids = async (images: readonly RawImage[], folder: string) =>
  Object.fromEntries(Array.from(await labelValidation(listOf(images), folder), ({ name, wnid }) => [name, wnid]));

describe('labels of validation images', () => {
  it('come from the development kit, packed or not: its ids are not in the order of the wnids', async () => {
    const images = named(validationName(2), validationName(1), validationName(3));
    const packed = fresh();
    writeFileSync(join(packed, 'ILSVRC2012_devkit_t12.tar.gz'), gzipSync(devkit('2\n1\n5\n')));
    const folder = fresh();
    mkdirSync(join(folder, 'ILSVRC2012_devkit_t12/data'), { recursive: true });
    const unpacked = join(folder, 'ILSVRC2012_devkit_t12/data');
    writeFileSync(join(unpacked, 'meta.mat'), goldenMeta());
    writeFileSync(join(unpacked, 'ILSVRC2012_validation_ground_truth.txt'), '2\r\n1\r\n5\r\n');
    for (const where of [packed, folder]) {
      expect(await wnids(images, where)).toEqual({
        [validationName(1)]: 'n01440764',
        [validationName(2)]: 'n03888257',
        [validationName(3)]: 'n02979186',
      });
    }
  });

  it('come from synset_labels.txt before it: by number, or by order where the names have none', async () => {
    const folder = fresh();
    writeFileSync(join(folder, 'synset_labels.txt'), 'n01440764\nn02102040\nn03888257\n');
    writeFileSync(join(folder, 'ILSVRC2012_devkit_t12.tar.gz'), gzipSync(devkit('1\n1\n1\n')));
    expect(await wnids(named(validationName(3)), folder)).toEqual({ [validationName(3)]: 'n03888257' });
    expect(await wnids(named('c.JPEG', 'a.JPEG', 'b.JPEG'), folder)).toEqual({
      'a.JPEG': 'n01440764',
      'b.JPEG': 'n02102040',
      'c.JPEG': 'n03888257',
    });
    await expect(wnids(named('c.JPEG', 'a.JPEG'), folder)).rejects.toThrow('has 3 lines for 2 validation images');
    await expect(wnids(named(validationName(4)), folder)).rejects.toMatchObject({ code: 'DATASET_INVALID' });
    writeFileSync(join(folder, 'synset_labels.txt'), 'n01440764\ntench\n');
    await expect(wnids(named(validationName(1)), folder)).rejects.toThrow('line 2: "tench" is no wnid');
  });

  it('are asked for where there are none, and a kit that is none is named', async () => {
    const folder = fresh();
    const images = named(validationName(1));
    await expect(wnids(images, folder)).rejects.toMatchObject({
      code: 'PROVISION_NOTHING',
      fix: expect.stringContaining('ILSVRC2012_devkit_t12.tar.gz') as string,
    });
    const kit = join(folder, 'ILSVRC2012_devkit_t12.tar.gz');
    for (const [bytes, code] of [
      [Buffer.from('not packed'), 'ARCHIVE_CORRUPT'],
      [gzipSync(Buffer.alloc(65 << 20)), 'ARCHIVE_CORRUPT'], // a bomb
      [gzipSync(devkit('2000\n')), 'DATASET_INVALID'],
      [gzipSync(devkit('1\n', Buffer.from('no mat'))), 'DATASET_INVALID'],
      [gzipSync(Buffer.alloc(1024)), 'DATASET_INVALID'],
    ] as const) {
      writeFileSync(kit, bytes);
      await expect(wnids(images, folder)).rejects.toMatchObject({ code });
    }
  });
});

describe('numberClasses', () => {
  it('counts ImageNet’s wnids from 1, whichever of them occur, and others among themselves', () => {
    expect([...numberClasses(new Set(['n03888257', 'n01440764'])).of]).toEqual([
      ['n01440764', 1],
      ['n03888257', 702],
    ]);
    expect(numberClasses(new Set(['n99999999', 'n01440764']))).toEqual({
      imagenet: false,
      of: new Map([
        ['n01440764', 1],
        ['n99999999', 2],
      ]),
    });
  });
});
