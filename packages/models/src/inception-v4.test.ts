import { expect, it } from 'vitest';
import { inceptionV4 } from './inception-v4-network.js';
import plugin from './inception-v4.js';
import { describeLikeTfSlim } from './testing/describe-like-tf-slim.js';
import { testContext } from './testing/load-context.js';
import { withLoadedSlim } from './testing/slim-file.js';

describeLikeTfSlim(inceptionV4, 'inception_v4');

it('loads weights by their names, and says what it does not need', async () => {
  await withLoadedSlim(plugin, inceptionV4, 5, (model, said) => {
    expect([model.classes, model.labelOffset]).toEqual([5, 0]);
    expect(said.join()).toContain('1 variables are not needed: global_step');
  });
});

it('asks for the published checkpoint by its address', async () => {
  const asked: unknown[] = [];
  const file = (source: unknown) => Promise.reject(new Error(String(asked.push(source))));
  const context = { ...testContext(), assets: { file, files: file } };
  await expect(plugin.load({ weights: 'pretrained' }, context)).rejects.toThrow('1');
  expect(asked).toEqual([plugin.pretrained]);
  expect(plugin.pretrained).toMatchObject({ archive: 'inception_v4_2016_09_09.tar.gz', member: 'inception_v4.ckpt' });
});
