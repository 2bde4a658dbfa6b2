import { Type, type Static } from '@sinclair/typebox';
import { defineAttack, type Random } from '@shield/core';
import { isWrong, searchEach, type Margins, type Pixels, type Search } from './queries.js';

/** Adam's (Kingma and Ba 2015). */
const ADAM = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };

/** Directions tried at once by one search, each with two queries. */
const AT_ONCE = 4;

const options = Type.Object(
  {
    eps: Type.Number({
      exclusiveMinimum: 0,
      maximum: 255,
      default: 4,
      description: 'largest change of a pixel, in 0-255 levels',
    }),
    steps: Type.Integer({ minimum: 1, default: 100, description: 'steps of Adam' }),
    samples: Type.Integer({
      minimum: 1,
      default: 128,
      description: 'random directions for one estimate of the gradient, each of two queries',
    }),
    delta: Type.Number({
      exclusiveMinimum: 0,
      maximum: 255,
      default: 2.55,
      description:
        'how far the two queries stand from the image, in 0-255 levels of every pixel (the paper: 0.01 of 1)',
    }),
    learning_rate: Type.Number({
      exclusiveMinimum: 0,
      default: 2.55,
      description: "Adam's step size, in 0-255 levels (the paper: 0.01 of 1)",
    }),
    early_stop: Type.Boolean({ default: true, description: 'whether an image is done as soon as the model is wrong' }),
  },
  { additionalProperties: false },
);
type Options = Static<typeof options>;

/**
 * SPSA (Uesato et al. 2018, section 4.2 and Algorithm 1): projected gradient descent on the margin of logits by Adam, the
 * gradient estimated from differences along random directions of ±1. Queries are images, clipped to [0, 1].
 */
export default defineAttack({
  name: 'spsa',
  summary: 'SPSA: descent on the margin of logits within eps, gradients estimated from random differences',
  reference: {
    title: 'Uesato et al.: Adversarial Risk and the Dangers of Evaluating Against Weak Attacks, ICML 2018',
    url: 'https://arxiv.org/abs/1802.05666',
  },
  norm: 'linf',
  targeted: true,
  needs: 'logits',
  random: true,
  options,
  cost: (o) => ({ forwards: mostQueries(o), gradients: 0 }),
  run: (input, o) =>
    searchEach(input, mostQueries(o), (clean, image) => descend(clean, (draw) => input.random(image, draw), o)),
});

function mostQueries({ steps, samples, early_stop }: Options): number {
  return steps * (2 * samples + (early_stop ? 1 : 0));
}

function* descend(clean: Pixels, random: (draw: number) => Random, o: Options): Search {
  const eps = o.eps / 255;
  const first = new Float64Array(clean.length);
  const second = new Float64Array(clean.length);
  let x = clean;
  for (let k = 1; k <= o.steps; k++) {
    if (o.early_stop && isWrong((yield [x])[0])) return { image: x, iterations: k - 1 };
    const slope = yield* estimateGradient(x, random(k), o.delta / 255, o.samples);
    const rate = ((o.learning_rate / 255) * Math.sqrt(1 - ADAM.beta2 ** k)) / (1 - ADAM.beta1 ** k);
    x = x.map((value, i) => {
      first[i] = ADAM.beta1 * first[i]! + (1 - ADAM.beta1) * slope[i]!;
      second[i] = ADAM.beta2 * second[i]! + (1 - ADAM.beta2) * slope[i]! ** 2;
      const moved = value - (rate * first[i]!) / (Math.sqrt(second[i]!) + ADAM.epsilon);
      return Math.min(1, clean[i]! + eps, Math.max(0, clean[i]! - eps, moved));
    });
  }
  return { image: x, iterations: o.steps };
}

/** Mean over the samples of (f(x + δv) − f(x − δv)) / 2δ · v, v being ±1 in every place. */
function* estimateGradient(
  x: Pixels,
  random: Random,
  delta: number,
  samples: number,
): Generator<readonly Pixels[], Float64Array, Margins> {
  const gradient = new Float64Array(x.length);
  for (let drawn = 0; drawn < samples; drawn += AT_ONCE) {
    const directions = Array.from({ length: Math.min(AT_ONCE, samples - drawn) }, () => signs(random, x.length));
    const away = (v: Int8Array, by: number) => x.map((value, k) => Math.min(1, Math.max(0, value + by * v[k]!)));
    const answers = yield directions.flatMap((v) => [away(v, delta), away(v, -delta)]);
    directions.forEach((v, i) => {
      const difference = (answers[2 * i]! - answers[2 * i + 1]!) / (2 * delta * samples);
      for (let k = 0; k < v.length; k++) gradient[k]! += difference * v[k]!;
    });
  }
  return gradient;
}

/** ±1 with equal chance, 32 from one draw. */
function signs(random: Random, length: number): Int8Array {
  const values = new Int8Array(length);
  let bits = 0;
  for (let k = 0; k < length; k++) {
    if (k % 32 === 0) bits = random.uint32();
    values[k] = (bits >>> (k % 32)) & 1 ? 1 : -1;
  }
  return values;
}
