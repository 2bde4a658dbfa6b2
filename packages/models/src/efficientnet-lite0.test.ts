import { expect, it } from 'vitest';
import lite0 from './efficientnet-lite0.js';
import { testContext } from './testing/load-context.js';
import { expectPublishedLikePyTorch } from './testing/like-pytorch.js';

it('gives the logits and gradients of PyTorch with the published weights', async (context) => {
  await expectPublishedLikePyTorch(lite0, (reason) => context.skip(reason));
});

it('takes a path for weights, and says when nothing is there', async () => {
  const missing = lite0.load({ weights: 'nowhere/lite0.pth', size: 224, classes: 0 }, testContext());
  await expect(missing).rejects.toMatchObject({ code: 'WEIGHTS_INVALID' });
});
