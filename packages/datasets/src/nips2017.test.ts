import { describe, expect, it } from 'vitest';
import { sharedPath } from '@shield/core/testing';
import nips2017 from './nips2017.js';
import { itemsOf, loadContext } from './testing/load-context.js';

const folder = sharedPath('data/nips2017');

describe('nips2017', () => {
  it.skipIf(!folder)(
    'reads the competition’s layout (skipped where the photos are not beside the checkout)',
    async () => {
      const dataset = await nips2017.open({ path: folder!, limit: 2 }, loadContext());
      const items = await itemsOf(dataset);
      expect(items.map(({ id, label }) => [id, dataset.classNames![label]])).toEqual([
        ['000b7d55b6184b08', 'giant panda'],
        ['00312c7e7196baf4', 'lycaenid'],
      ]);
      const image = await items[0]!.load();
      expect([image.height, image.width]).toEqual([299, 299]);
    },
  );

  it('is not there without its csv', async () => {
    const error = { code: 'DATASET_MISSING', params: { name: 'nips2017' } };
    await expect(nips2017.open({ path: '/nowhere' }, loadContext())).rejects.toMatchObject(error);
  });
});
