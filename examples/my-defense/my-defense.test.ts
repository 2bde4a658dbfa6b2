import { defenseConformance } from '@shield/core/testing';
import { describe, test } from 'vitest';
import defense from './my-defense.js';

const cases = defenseConformance(defense, {
  // Other values of every option: the suite fails where one of them changes nothing.
  variations: { sigma: [{ sigma: 5 }] },
});

describe('smoothing_noise conforms', () => {
  for (const { name, run } of cases) test(name, run);
});
