import { Type } from '@sinclair/typebox';
import type { GradientSteps } from './gradient-steps.js';

/** What the attacks that are made to transfer (mi_fgsm, di_fgsm, ti_fgsm) have in common. */
export const transferOptions = {
  eps: Type.Number({
    exclusiveMinimum: 0,
    maximum: 255,
    default: 16,
    description: 'largest change of a pixel, in 0-255 levels',
  }),
  step_size: Type.Number({
    exclusiveMinimum: 0,
    maximum: 255,
    default: 1.6,
    description: 'change of a pixel in one step, in 0-255 levels (the paper: eps / steps)',
  }),
  steps: Type.Integer({ minimum: 1, default: 10, description: 'gradient steps' }),
};

/** Those options as steps: all of them, in [0, 1] units. */
export function transferSteps(o: {
  readonly eps: number;
  readonly step_size: number;
  readonly steps: number;
}): GradientSteps {
  return { norm: 'linf', eps: o.eps / 255, stepSize: o.step_size / 255, steps: o.steps, earlyStop: false };
}
