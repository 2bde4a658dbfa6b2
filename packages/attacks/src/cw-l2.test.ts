import { attackConformance, type Variation } from '@shield/core/testing';
import { describe, test } from 'vitest';
import cwL2 from './cw-l2.js';

const suites = {
  'in one descent': { max_iterations: 20 },
  'by bisection': { search_steps: 2, learning_rate: 0.03, max_iterations: 20 },
};

for (const [name, options] of Object.entries(suites)) {
  const bisection = 'search_steps' in options;
  const variations: Record<string, readonly Variation[]> = {
    confidence: [{ confidence: 1 }],
    learning_rate: [{ learning_rate: 0.1 }],
    schedule: [{ schedule: 'constant' }],
    max_iterations: [{ max_iterations: 9 }],
    search_steps: [{ search_steps: 1 }],
    initial_constant: [{ initial_constant: 1 }],
    early_stop: [{ base: { max_iterations: 30, patience: 3 }, changed: { early_stop: false } }],
    patience: [{ base: { max_iterations: 30 }, changed: { patience: 2 } }],
    warm_start: [{ base: { search_steps: 2 }, changed: { warm_start: false } }],
  };
  describe(`cw_l2 ${name} conforms`, () => {
    const cases = attackConformance(cwL2, { options, variations, backend: 'wasm' });
    // What the two have in common is seen with one of them.
    for (const { name, run } of cases)
      if (!bisection || !/^option (warm|search)|^has|^describes/.test(name)) test(name, run);
  });
}
