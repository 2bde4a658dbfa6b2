import { Type, type Static } from '@sinclair/typebox';
import { defineAttack, type AttackInput, type AttackOutput, type Random } from '@shield/core';
import {
  crossEntropyJudge,
  isWrong,
  marginJudge,
  searchWith,
  type Judge,
  type Pixels,
  type Search,
} from './queries.js';
import { LinfSquares } from './square-linf.js';
import { L2Squares } from './square-l2.js';
import type { Size } from './square-window.js';

/** Queries, of 10,000, after which the share of pixels that a square covers is halved (section 4.3). */
const HALVED_AFTER = [10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000];
const SCHEDULE = 10_000;

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
    queries: Type.Integer({
      minimum: 1,
      default: 5000,
      description: 'images that the model is asked about in one try',
    }),
    restarts: Type.Integer({ minimum: 1, default: 1, description: 'tries at most, each from another random point' }),
    p_init: Type.Number({
      exclusiveMinimum: 0,
      maximum: 1,
      default: 0.8,
      description: 'share of the pixels that the first squares cover (p)',
    }),
    loss: Type.Union([Type.Literal('margin'), Type.Literal('ce')], {
      default: 'margin',
      description:
        'what goes down: the logit of the label over the best other one (margin), or minus the cross-entropy (ce); ' +
        'the paper has ce where there is a target',
    }),
    rescale_schedule: Type.Boolean({
      default: true,
      description: 'whether squares shrink over the queries that there are; false: as if there were 10,000',
    }),
  },
  { additionalProperties: false },
);
type Options = Static<typeof options>;
type Schedule = Pick<Options, 'p_init' | 'queries' | 'rescale_schedule'>;

/**
 * Square Attack (Andriushchenko et al. 2020, algorithms 1 to 3): random search that changes one square of the image at a
 * time, always as far as eps allows, and keeps what lowers the loss. The squares shrink as it goes on. An image is done
 * as soon as the model is wrong.
 */
export default defineAttack({
  name: 'square',
  aliases: ['square_attack'],
  summary: 'Square Attack: random search over squares at the border of eps, by the logits alone; linf or l2',
  reference: {
    title:
      'Andriushchenko, Croce, Flammarion, Hein: Square Attack: a Query-efficient Black-box Adversarial Attack via Random Search, ECCV 2020',
    url: 'https://arxiv.org/abs/1912.00049',
  },
  norm: 'linf',
  targeted: true,
  needs: 'logits',
  random: true,
  options,
  cost: (o) => ({ forwards: o.queries * o.restarts, gradients: 0 }),
  run,
});

interface Answer {
  readonly margin: number;
  readonly loss: number;
}

function run(input: AttackInput, o: Options): Promise<AttackOutput> {
  const [, height, width] = input.images.shape;
  const judge = o.loss === 'ce' ? crossEntropyJudge(input) : marginsOnly(marginJudge(input));
  return searchWith(input, o.queries * o.restarts, judge, (clean, image) =>
    search(clean, { height, width }, (draw) => input.random(image, draw), o),
  );
}

function marginsOnly(judge: Judge<number>): Judge<Answer> {
  return async (asked) => (await judge(asked)).map((margin) => ({ margin, loss: margin }));
}

function* search(clean: Pixels, size: Size, random: (draw: number) => Random, o: Options): Search<Answer> {
  let spent = 0;
  let best = { image: clean, loss: Infinity };
  for (let restart = 0; restart < o.restarts; restart++) {
    const Squares = o.norm === 'linf' ? LinfSquares : L2Squares;
    const squares = new Squares(clean, size, o.eps / 255, random(restart));
    let least = Infinity;
    for (let k = 0; k < o.queries; k++) {
      if (k > 0) squares.propose(shareAt(k - 1, o));
      const [answer] = yield [squares.image];
      spent++;
      if (isWrong(answer!.margin)) return { image: squares.image, iterations: spent };
      // What the model cannot judge leads nowhere.
      if (k === 0 && Number.isNaN(answer!.margin)) break;
      if (answer!.loss < least) least = answer!.loss;
      else squares.takeBack();
    }
    if (least < best.loss) best = { image: squares.image, loss: least };
  }
  return { image: best.image, iterations: spent };
}

/** Share of the pixels that square k (0, 1, …) covers. */
export function shareAt(k: number, { p_init, queries, rescale_schedule }: Schedule): number {
  const at = rescale_schedule ? Math.floor((k / queries) * SCHEDULE) : k;
  return p_init / 2 ** HALVED_AFTER.filter((after) => at > after).length;
}
