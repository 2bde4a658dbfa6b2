import type { AttackPlugin } from '@shield/core';
import cwL2 from './cw-l2.js';
import fgsm from './fgsm.js';
import iFgsm from './i-fgsm.js';

export { cwL2, fgsm, iFgsm };
export const plugins: readonly AttackPlugin[] = [cwL2, fgsm, iFgsm];
