import { attackConformance } from '@shield/core/testing';
import { describe, test } from 'vitest';
import attack from './my-attack.js';

const cases = attackConformance(attack, {
  // Other values of every option: the suite fails where one of them changes nothing.
  variations: { eps: [{ eps: 2 }], steps: [{ steps: 3 }], decay: [{ decay: 0.2 }] },
  bound: ({ eps }) => Number(eps) / 255,
});

describe('nesterov_fgsm conforms', () => {
  for (const { name, run } of cases) test(name, run);
});
