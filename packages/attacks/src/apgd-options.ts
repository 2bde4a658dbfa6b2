import { Type, type Static } from '@sinclair/typebox';
import type { Apgd } from './apgd.js';

export const apgdOptions = {
  norm: Type.Union([Type.Literal('linf'), Type.Literal('l2')], {
    default: 'linf',
    description: 'norm of the change that eps bounds',
  }),
  eps: Type.Number({
    exclusiveMinimum: 0,
    default: 4,
    description: 'largest change in 0-255 levels: of a pixel (linf), or the L2 norm over all pixels (l2)',
  }),
  steps: Type.Integer({ minimum: 1, default: 100, description: 'gradient steps of one try' }),
  restarts: Type.Integer({
    minimum: 1,
    default: 1,
    description: 'tries at most, each from another random point; an image that the model gets wrong tries no more',
  }),
  rho: Type.Number({
    exclusiveMinimum: 0,
    maximum: 1,
    default: 0.75,
    description: 'share of steps that must raise the loss between two checkpoints; else the step size is halved (ρ)',
  }),
  early_stop: Type.Boolean({
    default: true,
    description: 'whether an image is left as it is as soon as the model is wrong; false: all steps, to raise the loss',
  }),
};

const _all = Type.Object(apgdOptions);

/** What the options say, in [0, 1] units. */
export function apgdOf({ norm, eps, steps, restarts, rho, early_stop }: Static<typeof _all>) {
  return { norm, eps: eps / 255, steps, restarts, rho, earlyStop: early_stop } satisfies Partial<Apgd>;
}

export const apgdReference = {
  title:
    'Croce, Hein: Reliable Evaluation of Adversarial Robustness with an Ensemble of Diverse Parameter-free Attacks, ICML 2020',
  url: 'https://arxiv.org/abs/2003.01690',
};
