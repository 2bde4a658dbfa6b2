import { Type } from '@sinclair/typebox';
import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import { defineAttack } from '@shield/core';

const options = Type.Object({
  eps: Type.Number({
    exclusiveMinimum: 0,
    maximum: 255,
    default: 8,
    description: 'largest change of a pixel, in 0-255 levels',
  }),
  steps: Type.Integer({ minimum: 1, default: 10, description: 'gradient steps, each of size eps / steps' }),
  decay: Type.Number({ minimum: 0, default: 1, description: 'share of the momentum that stays at each step (μ)' }),
});

/**
 * Nesterov iterative FGSM (Lin et al. 2020, section 3.1): signed steps along a running sum of normalised gradients, each
 * gradient taken where that sum would lead.
 */
export default defineAttack({
  name: 'nesterov_fgsm',
  summary: 'FGSM in small steps along a momentum of gradients, each taken one step ahead',
  reference: {
    title: 'Lin et al.: Nesterov Accelerated Gradient and Scale Invariance for Adversarial Attacks, ICLR 2020',
    url: 'https://arxiv.org/abs/1908.06281',
  },
  norm: 'linf',
  targeted: false,
  needs: 'gradients',
  random: false,
  options,
  cost: ({ steps }) => ({ forwards: 0, gradients: steps }),
  run: async ({ model, images, labels, checkpoint }, { eps, steps, decay }) => {
    // Counts the passes of each image, and becomes one graph where the backend can: nothing from outside, only options.
    const step = model.compile<[Tensor4D, Tensor4D, Tensor2D], [Tensor4D, Tensor4D]>(
      'step',
      { forwards: 0, gradients: 1 },
      (x, momentum, marked) => {
        const loss = (x: Tensor) => tf.neg(tf.sum(tf.mul(tf.logSoftmax(model.logits(x as Tensor4D)), marked)));
        const ahead = tf.add(x, tf.mul(momentum, (decay * eps) / 255 / steps));
        const gradient = tf.grad(loss)(ahead);
        const length = tf.maximum(tf.mean(tf.abs(gradient), [1, 2, 3], true), 1e-30);
        const velocity = tf.add<Tensor4D>(tf.mul(momentum, decay), tf.div(gradient, length));
        return [tf.clipByValue(tf.add<Tensor4D>(x, tf.mul(tf.sign(velocity), eps / 255 / steps)), 0, 1), velocity];
      },
    );
    const rows = Array.from(labels.keys());
    const marked = tf.tidy(() =>
      tf.cast<Tensor2D>(tf.oneHot(Array.from(labels), model.classes) as Tensor2D, 'float32'),
    );
    let [x, momentum] = [tf.clone(images), tf.zerosLike(images)];
    try {
      for (let done = 1; done <= steps; done++) {
        const before = [x, momentum];
        [x, momentum] = step(rows, x, momentum, marked);
        tf.dispose(before);
        await checkpoint({ done, of: steps }); // throws when the run is being stopped
      }
      return { images: tf.clone(x), iterations: new Int32Array(labels.length).fill(steps) };
    } finally {
      tf.dispose([x, momentum, marked]);
    }
  },
});
