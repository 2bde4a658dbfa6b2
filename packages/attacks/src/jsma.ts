import * as tf from '@tensorflow/tfjs-core';
import type { Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import { Type, type Static } from '@sinclair/typebox';
import { defineAttack, type AttackInput, type AttackOutput } from '@shield/core';
import { SAFETY } from './gradient-steps.js';
import { crossEntropy, margin, oneHot } from './losses.js';
import { Saliency } from './saliency.js';
import { withGradient } from './with-gradient.js';

const options = Type.Object(
  {
    theta: Type.Number({
      exclusiveMinimum: 0,
      maximum: 255,
      default: 255,
      description: 'by how much a value changes at once, in 0-255 levels (θ)',
    }),
    direction: Type.Union([Type.Literal('up'), Type.Literal('down'), Type.Literal('both')], {
      default: 'both',
      description: 'which way values go: up as in the paper, down, or each the way that helps',
    }),
    gamma: Type.Number({
      exclusiveMinimum: 0,
      maximum: 1,
      default: 0.01,
      description: 'share of all values, three a pixel, that may change (Υ)',
    }),
    features_per_step: Type.Integer({
      minimum: 1,
      default: 2,
      description: 'values that change together; the paper has pairs',
    }),
    steps: Type.Integer({ minimum: 1, default: 1000, description: 'gradients at most, one a step' }),
  },
  { additionalProperties: false },
);

type Options = Static<typeof options>;

/**
 * The Jacobian-based saliency map attack (Papernot et al. 2016, algorithm 2): a pair of values at a time goes by theta
 * where the derivative of the target's probability is largest. As probabilities add up to one, the derivatives of
 * all the others together are that one's with the other sign, so the saliency of a pair (equation 8) is the square of its
 * own derivative. The logarithm of the probability is taken, which orders the values alike and does not vanish.
 * Without a target, which the paper always has, it is the label's probability that goes down.
 */
export default defineAttack({
  name: 'jsma',
  summary: 'Jacobian-based saliency map attack: few values, changed by much, a pair at a time',
  reference: {
    title: 'Papernot et al.: The Limitations of Deep Learning in Adversarial Settings, EuroS&P 2016',
    url: 'https://arxiv.org/abs/1511.07528',
  },
  norm: 'l0',
  targeted: true,
  needs: 'gradients',
  random: false,
  options,
  cost: ({ steps }) => ({ forwards: 0, gradients: steps }),
  run,
});

async function run(input: AttackInput, o: Options): Promise<AttackOutput> {
  const { images, labels, targets } = input;
  const [n, ...size] = images.shape;
  const length = size[0] * size[1] * size[2];
  const ask = compileAsk(input);
  const pixels = Float32Array.from(await images.data());
  const goals = targets ?? labels;
  const searches = Array.from(
    labels,
    (_, image) =>
      new Saliency(pixels.subarray(image * length, (image + 1) * length), Math.max(1, Math.floor(o.gamma * length))),
  );
  const iterations = new Int32Array(n);
  let active = Array.from(labels.keys());
  for (let k = 1; k <= o.steps && active.length > 0; k++) {
    const { slopes, right } = await ask(active, stacked(searches, active, size), goals);
    active = active.filter((image, row) => {
      if (right[row]! < -SAFETY) return false;
      const slope = slopes.subarray(row * length, (row + 1) * length);
      if (searches[image]!.step(slope, o.features_per_step, o.theta / 255, o.direction) === 0) return false;
      iterations[image]!++;
      return true;
    });
    await input.checkpoint({ done: k, of: o.steps });
  }
  return { images: tf.tensor4d(pixels, images.shape), iterations };
}

/** The images as they stand, [active.length, h, w, 3]. */
function stacked(searches: readonly Saliency[], active: readonly number[], size: readonly number[]): Tensor4D {
  const [height, width, channels] = size as [number, number, number];
  const length = height * width * channels;
  const values = new Float32Array(active.length * length);
  active.forEach((image, row) => values.set(searches[image]!.pixels, row * length));
  return tf.tensor4d(values, [active.length, height, width, channels]);
}

/** The derivative of what is to go up by each value, and by how much the model is right. */
function compileAsk({ model, targets }: AttackInput) {
  const sign = targets ? -1 : 1;
  const slope = model.compile<[Tensor4D, Tensor2D], [Tensor4D, Tensor1D]>(
    targets ? 'targeted slope' : 'slope',
    { forwards: 0, gradients: 1 },
    (x, marked) => {
      const { gradient, results } = withGradient(x, (x) => {
        const logits = model.logits(x);
        const values = tf.mul<Tensor1D>(crossEntropy(logits, marked), sign);
        return { objective: tf.sum(values), results: { right: tf.mul<Tensor1D>(margin(logits, marked), sign) } };
      });
      return [gradient, results.right];
    },
  );
  /** @param x owned from now on */
  return async (rows: readonly number[], x: Tensor4D, goals: Int32Array) => {
    const marked = oneHot(
      rows.map((image) => goals[image]!),
      model.classes,
    );
    const outputs = slope(rows, x, marked);
    try {
      const [slopes, right] = await Promise.all(outputs.map((output) => output.data()));
      return { slopes: slopes as Float32Array, right: right as Float32Array };
    } finally {
      tf.dispose([x, marked, ...outputs]);
    }
  };
}
