import { Type, type Static } from '@sinclair/typebox';
import type { AdaptiveBoundary } from './adaptive-boundary.js';

export const fabOptions = {
  norm: Type.Union([Type.Literal('linf'), Type.Literal('l2'), Type.Literal('l1')], {
    default: 'linf',
    description: 'norm of the change that is made small',
  }),
  eps: Type.Number({
    exclusiveMinimum: 0,
    default: 4,
    description: 'in 0-255 levels, in that norm: what is small enough for early_stop; restarts begin within half of it',
  }),
  steps: Type.Integer({ minimum: 1, default: 100, description: 'steps of one try' }),
  alpha_max: Type.Number({
    minimum: 0,
    maximum: 1,
    default: 0.1,
    description: 'largest weight of the clean image in a step (α_max)',
  }),
  eta: Type.Number({ minimum: 1, default: 1.05, description: 'how far a step goes beyond the boundary (η)' }),
  beta: Type.Number({
    exclusiveMinimum: 0,
    maximum: 1,
    default: 0.9,
    description: 'share of the change that is left of a point that the model gets wrong, before going on (β)',
  }),
  final_search: Type.Integer({
    minimum: 0,
    default: 3,
    description:
      'steps of a search on the line from the smallest change to the clean image, at the end (0: as in AutoAttack)',
  }),
  early_stop: Type.Boolean({
    default: false,
    description:
      'whether an image leaves as soon as a change within eps is found; false: the smallest change of all steps',
  }),
};

const _all = Type.Object(fabOptions);

/** What the options say, in [0, 1] units. */
export function fabOf({ norm, eps, steps, alpha_max, eta, beta, final_search, early_stop }: Static<typeof _all>) {
  return {
    norm,
    eps: eps / 255,
    steps,
    alphaMax: alpha_max,
    eta,
    beta,
    finalSearch: final_search,
    earlyStop: early_stop,
  } satisfies Partial<AdaptiveBoundary>;
}

export const fabReference = {
  title: 'Croce, Hein: Minimally Distorted Adversarial Examples with a Fast Adaptive Boundary Attack, ICML 2020',
  url: 'https://arxiv.org/abs/1907.02044',
};
