import { expect, it } from 'vitest';
import resNet50 from './resnet-v2-50.js';
import { resNetV2 } from './resnet-v2.js';
import { describeLikeTfSlim } from './testing/describe-like-tf-slim.js';
import { withLoadedSlim } from './testing/slim-file.js';

describeLikeTfSlim(resNetV2('resnet_v2_50', [3, 4, 6, 3]), 'resnet_v2_50');

it('refuses the weights of another network', async () => {
  await withLoadedSlim(resNet50, resNetV2('resnet_v2_50', [3, 4, 6, 3]), 3, (model) => {
    expect(model.classes).toBe(3);
  });
  const other = withLoadedSlim(resNet50, resNetV2('resnet_v2_50', [1, 1, 1, 1]), 3, () => undefined);
  await expect(other).rejects.toThrow(/variables are missing: resnet_v2_50\/block1\/unit_2/);
});
