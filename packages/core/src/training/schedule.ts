import type { TrainSpec } from '../spec/resolved-spec.js';

type Schedule = Pick<TrainSpec, 'learning_rate' | 'schedule' | 'step_epochs' | 'step_factor' | 'warmup'>;

/**
 * Learning rate of step 0 … steps − 1: up in a straight line over the warm-up (Goyal et al., 2017, arXiv:1706.02677),
 * then constant, in steps counted from the first epoch, or along half a cosine to 0 (Loshchilov & Hutter, ICLR 2017).
 */
export function learningRateAt(step: number, steps: number, stepsAnEpoch: number, spec: Schedule): number {
  const warm = Math.min(steps, Math.round(spec.warmup * stepsAnEpoch));
  if (step < warm) return (spec.learning_rate * (step + 1)) / warm;
  switch (spec.schedule) {
    case 'constant':
      return spec.learning_rate;
    case 'step':
      return spec.learning_rate * spec.step_factor ** Math.floor(step / stepsAnEpoch / spec.step_epochs);
    case 'cosine':
      return (spec.learning_rate / 2) * (1 + Math.cos((Math.PI * (step - warm)) / (steps - warm)));
  }
}
