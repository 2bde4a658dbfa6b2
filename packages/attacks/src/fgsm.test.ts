import { attackConformance } from '@shield/core/testing';
import { describe, test } from 'vitest';
import fgsm from './fgsm.js';

describe('fgsm conforms', () => {
  const bound = ({ eps }: Record<string, unknown>) => Number(eps) / 255;
  for (const { name, run } of attackConformance(fgsm, { variations: { eps: [{ eps: 2 }] }, bound })) test(name, run);
});
