import type { AttackPlugin } from '@shield/core';
import apgdCe from './apgd-ce.js';
import apgdDlr from './apgd-dlr.js';
import apgdT from './apgd-t.js';
import boundary from './boundary.js';
import cwL2 from './cw-l2.js';
import deepfool from './deepfool.js';
import diFgsm from './di-fgsm.js';
import fabT from './fab-t.js';
import fgsm from './fgsm.js';
import gaussianNoise from './gaussian-noise.js';
import hopSkipJump from './hop-skip-jump.js';
import iFgsm from './i-fgsm.js';
import miFgsm from './mi-fgsm.js';
import pgd from './pgd.js';
import spsa from './spsa.js';
import tiFgsm from './ti-fgsm.js';
import uniformNoise from './uniform-noise.js';

export {
  apgdCe,
  apgdDlr,
  apgdT,
  boundary,
  cwL2,
  deepfool,
  diFgsm,
  fabT,
  fgsm,
  gaussianNoise,
  hopSkipJump,
  iFgsm,
  miFgsm,
  pgd,
  spsa,
  tiFgsm,
  uniformNoise,
};
export const plugins: readonly AttackPlugin[] = [
  apgdCe,
  apgdDlr,
  apgdT,
  boundary,
  cwL2,
  deepfool,
  diFgsm,
  fabT,
  fgsm,
  gaussianNoise,
  hopSkipJump,
  iFgsm,
  miFgsm,
  pgd,
  spsa,
  tiFgsm,
  uniformNoise,
];
