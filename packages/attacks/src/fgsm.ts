import * as tf from '@tensorflow/tfjs-core';
import type { Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import { Type } from '@sinclair/typebox';
import { defineAttack } from '@shield/core';
import { crossEntropy, oneHot } from './losses.js';

/** Fast gradient sign method (Goodfellow et al. 2015, section 4): one step of size eps along the sign of the gradient. */
export default defineAttack({
  name: 'fgsm',
  summary: 'fast gradient sign method: one signed step of size eps',
  reference: {
    title: 'Goodfellow, Shlens, Szegedy: Explaining and Harnessing Adversarial Examples, ICLR 2015',
    url: 'https://arxiv.org/abs/1412.6572',
  },
  norm: 'linf',
  targeted: true,
  needs: 'gradients',
  random: false,
  options: Type.Object(
    {
      eps: Type.Number({
        exclusiveMinimum: 0,
        maximum: 255,
        default: 4,
        description: 'step size, in 0-255 pixel levels',
      }),
    },
    { additionalProperties: false },
  ),
  cost: () => ({ forwards: 0, gradients: 1 }),
  run: async ({ model, images, labels, targets }, { eps }) => {
    // Away from the label is up its loss; towards a target is down the target's.
    const direction = targets ? -1 : 1;
    const step = model.compile<[Tensor4D, Tensor2D], [Tensor4D]>(
      targets ? 'targeted step' : 'step',
      { forwards: 0, gradients: 1 },
      (x, marked) => {
        const gradient = tf.grad((x) => tf.sum(crossEntropy(model.logits(x as Tensor4D), marked)))(x) as Tensor4D;
        return [tf.clipByValue(tf.add<Tensor4D>(x, tf.mul(tf.sign(gradient), (direction * eps) / 255)), 0, 1)];
      },
    );
    const marked = oneHot(targets ?? labels, model.classes);
    const [adversarial] = step(Array.from(labels.keys()), images, marked);
    marked.dispose();
    return { images: adversarial, iterations: new Int32Array(labels.length).fill(1) };
  },
});
