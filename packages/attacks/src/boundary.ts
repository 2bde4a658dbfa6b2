import { Type, type Static } from '@sinclair/typebox';
import { defineAttack, type Random } from '@shield/core';
import { blendedStart, costOfStart, l2Distance } from './decision-start.js';
import { isWrong, searchEach, type Pixels, type Search } from './queries.js';

/** Latest answers that the success of a kind of step is measured over. */
const WINDOW = 30;

const options = Type.Object(
  {
    steps: Type.Integer({ minimum: 1, default: 5000, description: 'steps at most (the paper: 25,000 and more)' }),
    start_tries: Type.Integer({
      minimum: 1,
      default: 100,
      description: 'images of uniform noise tried as a start; an image without one is left as it is',
    }),
    spherical_step: Type.Number({
      exclusiveMinimum: 0,
      default: 0.01,
      description: 'first length of the step around the clean image, as a share of the distance to it (δ)',
    }),
    source_step: Type.Number({
      exclusiveMinimum: 0,
      default: 0.01,
      description: 'first length of the step towards the clean image, as a share of the distance to it (ε)',
    }),
    step_adaptation: Type.Number({
      exclusiveMinimum: 1,
      default: 1.5,
      description: 'what the lengths are multiplied with or divided by as steps succeed or fail',
    }),
    check_every: Type.Integer({
      minimum: 1,
      default: 10,
      description: 'steps between two looks at how often steps succeed; each costs one more query',
    }),
    convergence: Type.Number({
      minimum: 0,
      default: 1e-7,
      description: 'source step below which an image is done',
    }),
  },
  { additionalProperties: false },
);
type Options = Static<typeof options>;

/**
 * The boundary attack (Brendel et al. 2018, Algorithm 1): a walk along the decision boundary, each step drawn around the
 * clean image at equal distance and then a little towards it, and kept where the model stays wrong. The lengths follow
 * how often that is.
 */
export default defineAttack({
  name: 'boundary',
  aliases: ['boundary_attack'],
  summary: 'boundary attack: a random walk along the decision boundary towards the clean image, from labels alone',
  reference: {
    title: 'Brendel, Rauber, Bethge: Decision-Based Adversarial Attacks, ICLR 2018',
    url: 'https://arxiv.org/abs/1712.04248',
  },
  norm: 'l2',
  targeted: false,
  needs: 'labels',
  random: true,
  options,
  cost: (o) => ({ forwards: mostQueries(o), gradients: 0 }),
  run: (input, o) =>
    searchEach(input, mostQueries(o), (clean, image) => walk(clean, (draw) => input.random(image, draw), o)),
});

function mostQueries({ steps, start_tries, check_every }: Options): number {
  return costOfStart(start_tries) + steps + Math.floor(steps / check_every);
}

function* walk(clean: Pixels, random: (draw: number) => Random, o: Options): Search {
  const start = yield* blendedStart(clean, random(0), o.start_tries);
  if (!start) return { image: clean, iterations: 0 };
  const stream = random(1);
  let [x, distance] = [start, l2Distance(clean, start)];
  let [spherical, source] = [o.spherical_step, o.source_step];
  const [around, nearer] = [new SuccessRate(), new SuccessRate()];
  let k = 0;
  while (k < o.steps && source >= o.convergence && distance > 0) {
    k++;
    const aside = stepAround(clean, x, distance, spherical, stream);
    const candidate = stepTowards(clean, aside, distance, source);
    const check = k % o.check_every === 0;
    const [wrong, wrongAside] = (yield check ? [candidate, aside] : [candidate]).map(isWrong);
    const candidateDistance = l2Distance(clean, candidate);
    if (wrong && candidateDistance < distance) [x, distance] = [candidate, candidateDistance];
    if (!check) continue;
    // About half of the steps around are to stay wrong, and a quarter of those that then go nearer.
    const curved = around.after(wrongAside === true, 0.2, 0.5);
    spherical *= o.step_adaptation ** curved;
    source *= o.step_adaptation ** curved;
    source *= o.step_adaptation ** nearer.after(wrong === true, 0.1, 0.25);
  }
  return { image: x, iterations: k };
}

/** A random step at right angles to the way to the clean image, brought back to the same distance. */
function stepAround(clean: Pixels, x: Pixels, distance: number, size: number, random: Random): Pixels {
  // Loops, here and below: array functions with closures take several times as long over 150,000 values.
  const noise = new Float64Array(x.length);
  let along = 0;
  for (let k = 0; k < x.length; k++) {
    noise[k] = random.normal();
    along += (noise[k]! * (clean[k]! - x[k]!)) / distance;
  }
  let squares = 0;
  for (let k = 0; k < x.length; k++) {
    noise[k]! -= (along * (clean[k]! - x[k]!)) / distance;
    squares += noise[k]! ** 2;
  }
  const scale = squares > 0 ? (size * distance) / Math.sqrt(squares) : 0;
  const shorter = Math.sqrt(1 + size * size);
  const moved = new Float32Array(x.length);
  for (let k = 0; k < x.length; k++) {
    moved[k] = clip(clean[k]! + (scale * noise[k]! + x[k]! - clean[k]!) / shorter);
  }
  return moved;
}

/** Nearer by `size` of the old distance, and by what clipping added to it. */
function stepTowards(clean: Pixels, x: Pixels, distance: number, size: number): Pixels {
  const now = l2Distance(clean, x);
  const share = now > 0 ? Math.max(0, size * distance + now - distance) / now : 0;
  const moved = new Float32Array(x.length);
  for (let k = 0; k < x.length; k++) moved[k] = clip(x[k]! + share * (clean[k]! - x[k]!));
  return moved;
}

/** How often a kind of step succeeds. */
class SuccessRate {
  readonly #answers: boolean[] = [];

  /** Takes an answer in. @returns 1 where steps succeed too often and may grow, −1 where too seldom, else 0 */
  after(success: boolean, low: number, high: number): number {
    this.#answers.push(success);
    if (this.#answers.length > WINDOW) this.#answers.shift();
    if (this.#answers.length < WINDOW) return 0;
    const rate = this.#answers.filter(Boolean).length / WINDOW;
    if (rate >= low && rate <= high) return 0;
    this.#answers.length = 0;
    return rate > high ? 1 : -1;
  }
}

function clip(value: number): number {
  return Math.min(1, Math.max(0, value));
}
