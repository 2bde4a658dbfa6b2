import { Type, type Static } from '@sinclair/typebox';
import { defineAttack, type Random } from '@shield/core';
import { blendedStart, costOfStart, HALVINGS, l2Distance, linfDistance, toBoundary } from './decision-start.js';
import { isWrong, searchEach, type Margins, type Pixels, type Search } from './queries.js';

/** Times that a step is halved until the model is wrong. */
const SHORTER = 20;

/** Images asked for at once by one search. */
const AT_ONCE = 8;

const options = Type.Object(
  {
    norm: Type.Union([Type.Literal('l2'), Type.Literal('linf')], {
      default: 'l2',
      description: 'norm of the change that is made small',
    }),
    steps: Type.Integer({ minimum: 1, default: 32, description: 'steps along the boundary' }),
    start_tries: Type.Integer({
      minimum: 1,
      default: 100,
      description: 'images of uniform noise tried as a start; an image without one is left as it is',
    }),
    initial_queries: Type.Integer({
      minimum: 1,
      default: 100,
      description: 'queries for the first estimate of a direction; the k-th takes √k times as many (B₀)',
    }),
    max_queries: Type.Integer({ minimum: 1, default: 10000, description: 'queries for one estimate at most' }),
    gamma: Type.Number({
      exclusiveMinimum: 0,
      default: 1,
      description:
        'precision of the way back to the boundary, in units of d^-1.5 (l2) or d^-2 (linf), d numbers an image',
    }),
  },
  { additionalProperties: false },
);
type Options = Static<typeof options>;

/**
 * HopSkipJump (Chen et al. 2020, Algorithm 2): from a point on the decision boundary, the direction of the gradient is
 * estimated from labels alone, a step is taken along it, and the way back to the boundary found by bisection.
 */
export default defineAttack({
  name: 'hop_skip_jump',
  aliases: ['hopskipjump', 'hsj'],
  summary: 'HopSkipJump: the smallest change found from the labels that the model gives, by steps along the boundary',
  reference: {
    title: 'Chen, Jordan, Wainwright: HopSkipJumpAttack: A Query-Efficient Decision-Based Attack, IEEE S&P 2020',
    url: 'https://arxiv.org/abs/1904.02144',
  },
  norm: 'l2',
  targeted: false,
  needs: 'labels',
  random: true,
  options,
  cost: (o) => ({ forwards: mostQueries(o), gradients: 0 }),
  run: (input, o) =>
    searchEach(input, mostQueries(o), (clean, image) => hopSkipJump(clean, (draw) => input.random(image, draw), o)),
});

function mostQueries(o: Options): number {
  let queries = costOfStart(o.start_tries) + HALVINGS;
  for (let k = 1; k <= o.steps; k++) queries += estimateQueries(o, k) + SHORTER + HALVINGS;
  return queries;
}

function estimateQueries({ initial_queries, max_queries }: Options, k: number): number {
  return Math.floor(Math.min(initial_queries * Math.sqrt(k), max_queries));
}

function* hopSkipJump(clean: Pixels, random: (draw: number) => Random, o: Options): Search {
  const start = yield* blendedStart(clean, random(0), o.start_tries);
  if (!start) return { image: clean, iterations: 0 };
  const d = clean.length;
  const distance = o.norm === 'l2' ? l2Distance : linfDistance;
  // In shares of the way, for both norms.
  const precision = o.norm === 'l2' ? o.gamma / (d * Math.sqrt(d)) : o.gamma / (d * d);
  let x = yield* toBoundary((share) => towards(clean, start, share, o.norm), precision);
  let best = x;
  for (let k = 1; k <= o.steps; k++) {
    const far = distance(clean, x);
    // The paper's δ: √d·θ·‖x − x*‖₂, or d·θ·‖x − x*‖∞; at first a tenth of the range (section IV.C).
    const delta = k === 1 ? 0.1 : (o.norm === 'l2' ? Math.sqrt(d) : d) * precision * far;
    const direction = yield* estimateDirection(x, random(k), delta, estimateQueries(o, k), o.norm);
    const step = (length: number) => x.map((value, i) => clip(value + length * direction[i]!));
    let length = far / Math.sqrt(k);
    let next: Pixels | undefined;
    for (let halved = 0; halved < SHORTER && !next; halved++, length /= 2) {
      const tried = step(length);
      const [answer] = yield [tried];
      if (isWrong(answer)) next = tried;
    }
    if (!next) continue;
    const away = next;
    x = yield* toBoundary((share) => towards(clean, away, share, o.norm), precision);
    if (distance(clean, x) < distance(clean, best)) best = x;
  }
  return { image: best, iterations: o.steps };
}

/** The part of the way from the clean image: along the line (l2), or as far as each pixel may change (linf). */
function towards(clean: Pixels, image: Pixels, share: number, norm: 'l2' | 'linf'): Pixels {
  if (norm === 'l2') return clean.map((value, k) => value + share * (image[k]! - value));
  const most = share * linfDistance(clean, image);
  return clean.map((value, k) => value + Math.min(most, Math.max(-most, image[k]! - value)));
}

/**
 * The Monte Carlo estimate of the gradient's direction, with the mean answer taken off (equations 9 and 16); its sign for
 * linf, of length 1 for l2.
 */
function* estimateDirection(
  x: Pixels,
  random: Random,
  delta: number,
  queries: number,
  norm: 'l2' | 'linf',
): Generator<readonly Pixels[], Float64Array, Margins> {
  const all = new Float64Array(x.length);
  const signed = new Float64Array(x.length);
  let sum = 0;
  for (let asked = 0; asked < queries; asked += AT_ONCE) {
    const near = Array.from({ length: Math.min(AT_ONCE, queries - asked) }, () => {
      // Loops: array functions with closures take several times as long over 150,000 values.
      const noise = new Float64Array(x.length);
      let squares = 0;
      for (let k = 0; k < x.length; k++) {
        noise[k] = norm === 'l2' ? random.normal() : 2 * random.uniform() - 1;
        squares += noise[k]! * noise[k]!;
      }
      const length = Math.sqrt(squares);
      const image = new Float32Array(x.length);
      for (let k = 0; k < x.length; k++) image[k] = clip(x[k]! + (delta * noise[k]!) / length);
      return image;
    });
    const answers = yield near;
    near.forEach((image, i) => {
      const answer = isWrong(answers[i]) ? 1 : -1;
      sum += answer;
      for (let k = 0; k < x.length; k++) {
        const change = image[k]! - x[k]!;
        all[k]! += change;
        signed[k]! += answer * change;
      }
    });
  }
  const mean = sum / queries;
  const direction = signed.map((value, k) => (Math.abs(mean) === 1 ? value : value - mean * all[k]!));
  if (norm === 'linf') return direction.map(Math.sign);
  const length = Math.sqrt(direction.reduce((total, value) => total + value * value, 0));
  return direction.map((value) => (length > 0 ? value / length : 0));
}

function clip(value: number): number {
  return Math.min(1, Math.max(0, value));
}
