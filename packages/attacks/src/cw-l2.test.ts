import { attackConformance } from '@shield/core/testing';
import { describe, test } from 'vitest';
import cwL2 from './cw-l2.js';

const quick = { learning_rate: 0.03, max_iterations: 20, search_steps: 2 };

describe('cw_l2 conforms', () => {
  const variations = {
    confidence: [{ confidence: 1 }],
    learning_rate: [{ learning_rate: 0.1 }],
    schedule: [{ schedule: 'constant' }],
    max_iterations: [{ max_iterations: 9 }],
    search_steps: [{ search_steps: 1 }],
    initial_constant: [{ initial_constant: 1 }],
    early_stop: [{ early_stop: false }],
    patience: [{ patience: 2 }],
    warm_start: [{ warm_start: false }],
  };
  for (const { name, run } of attackConformance(cwL2, { options: quick, variations })) test(name, run);
});
