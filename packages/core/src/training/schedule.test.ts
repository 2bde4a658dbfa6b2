import { expect, it } from 'vitest';
import { learningRateAt } from './schedule.js';

const SPEC = { learning_rate: 1, schedule: 'cosine', step_epochs: 2, step_factor: 0.1, warmup: 0 } as const;
const rates = (steps: number[], spec: Partial<Parameters<typeof learningRateAt>[3]>) =>
  steps.map((step) => learningRateAt(step, 100, 10, { ...SPEC, ...spec }));

it('goes along half a cosine', () => {
  const expected = [1, (1 + Math.SQRT1_2) / 2, 0.5, (1 - Math.SQRT1_2) / 2];
  rates([0, 25, 50, 75], {}).forEach((rate, i) => expect(rate).toBeCloseTo(expected[i]!, 12));
});

it('stays, or goes down in steps of whole epochs', () => {
  expect(rates([0, 99], { schedule: 'constant' })).toEqual([1, 1]);
  const steps = rates([0, 19, 20, 39, 40], { schedule: 'step' });
  [1, 1, 0.1, 0.1, 0.01].forEach((rate, i) => expect(steps[i]).toBeCloseTo(rate, 12));
});

it('rises in a straight line over the warm-up, and begins the cosine there', () => {
  const warm = rates([0, 1, 19, 20, 60], { warmup: 2 });
  [0.05, 0.1, 1, 1, 0.5].forEach((rate, i) => expect(warm[i]).toBeCloseTo(rate, 12));
});
