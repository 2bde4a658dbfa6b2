import * as tf from '@tensorflow/tfjs-core';
import type { Tensor4D } from '@tensorflow/tfjs-core';
import { Type } from '@sinclair/typebox';
import { defineAttack, type AttackInput, type Random } from '@shield/core';
import { bestOf, costOfChoosing } from './best-of.js';
import { gradientSteps, type GradientSteps } from './gradient-steps.js';

const options = Type.Object(
  {
    norm: Type.Union([Type.Literal('linf'), Type.Literal('l2')], {
      default: 'linf',
      description: 'norm of the change that eps bounds',
    }),
    eps: Type.Number({
      exclusiveMinimum: 0,
      default: 4,
      description: 'largest change in 0-255 levels: of a pixel (linf), or the L2 norm over all pixels (l2)',
    }),
    step_size: Type.Number({
      exclusiveMinimum: 0,
      default: 1,
      description: 'length of one step in 0-255 levels, in the same norm',
    }),
    steps: Type.Integer({ minimum: 1, default: 20, description: 'gradient steps of one try' }),
    random_start: Type.Boolean({
      default: true,
      description: 'whether a try starts anywhere in the ball of eps, drawn uniformly, instead of at the clean image',
    }),
    restarts: Type.Integer({
      minimum: 1,
      default: 1,
      description:
        'tries at most; an image that the model gets wrong tries no more. Without random_start all are alike',
    }),
    loss: Type.Union([Type.Literal('ce'), Type.Literal('margin'), Type.Literal('dlr')], {
      default: 'ce',
      description:
        'what the steps raise: the cross-entropy (ce), the best other logit over that of the label (margin), or the latter by the range of the three largest (dlr, Croce and Hein 2020)',
    }),
    early_stop: Type.Boolean({
      default: true,
      description: 'whether an image is left as it is as soon as the model is wrong; false: all steps, as in the paper',
    }),
  },
  { additionalProperties: false },
);

/**
 * Projected gradient descent (Madry et al. 2018, section 2.1): steps along the gradient from a random point of the ball
 * of eps, each projected back onto the ball, with restarts.
 */
export default defineAttack({
  name: 'pgd',
  summary: 'projected gradient descent from random starts within eps, in linf or l2',
  reference: {
    title: 'Madry et al.: Towards Deep Learning Models Resistant to Adversarial Attacks, ICLR 2018',
    url: 'https://arxiv.org/abs/1706.06083',
  },
  norm: 'linf',
  targeted: true,
  needs: 'gradients',
  random: true,
  options,
  cost: ({ steps, restarts }) => ({ ...costOfChoosing(restarts), gradients: steps * restarts }),
  run: (input, { norm, eps, step_size, steps, random_start, restarts, loss, early_stop }) => {
    const how: GradientSteps = {
      norm,
      eps: eps / 255,
      stepSize: step_size / 255,
      steps,
      earlyStop: early_stop,
      loss,
    };
    return bestOf(input, restarts, async (rows, t) => {
      const start = random_start ? await randomStarts(input, rows, t, how) : undefined;
      const checkpoint = (k: number) => input.checkpoint({ done: t * steps + k, of: restarts * steps });
      try {
        return await gradientSteps(input, how, { rows, checkpoint, ...(start ? { start } : {}) });
      } finally {
        start?.dispose();
      }
    });
  },
});

/** Points of the balls around the images of `rows`, clipped to [0, 1]; draw t of each image's own stream. */
async function randomStarts(
  { images, random }: AttackInput,
  rows: readonly number[],
  t: number,
  { norm, eps }: GradientSteps,
): Promise<Tensor4D> {
  const [, height, width, channels] = images.shape;
  const length = height * width * channels;
  const clean = await images.data();
  const starts = new Float32Array(rows.length * length);
  rows.forEach((image, row) => {
    const change = norm === 'linf' ? inCube(random(image, t), length, eps) : inBall(random(image, t), length, eps);
    for (let k = 0; k < length; k++) {
      starts[row * length + k] = Math.min(1, Math.max(0, clean[image * length + k]! + change[k]!));
    }
  });
  return tf.tensor4d(starts, [rows.length, height, width, channels]);
}

function inCube(random: Random, length: number, eps: number): Float64Array {
  return Float64Array.from({ length }, () => eps * (2 * random.uniform() - 1));
}

/** Uniform in the L2 ball: a direction drawn from the normal distribution, a radius by the volume within it. */
function inBall(random: Random, length: number, eps: number): Float64Array {
  const change = Float64Array.from({ length }, () => random.normal());
  const norm = Math.sqrt(change.reduce((sum, value) => sum + value * value, 0));
  const radius = eps * random.uniform() ** (1 / length);
  return change.map((value) => (value / norm) * radius);
}
