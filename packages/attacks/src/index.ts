import type { AttackPlugin } from '@shield/core';
import cwL2 from './cw-l2.js';
import diFgsm from './di-fgsm.js';
import fgsm from './fgsm.js';
import iFgsm from './i-fgsm.js';
import miFgsm from './mi-fgsm.js';
import pgd from './pgd.js';
import tiFgsm from './ti-fgsm.js';

export { cwL2, diFgsm, fgsm, iFgsm, miFgsm, pgd, tiFgsm };
export const plugins: readonly AttackPlugin[] = [cwL2, diFgsm, fgsm, iFgsm, miFgsm, pgd, tiFgsm];
