import type { AttackPlugin } from '@shield/core';
import apgdCe from './apgd-ce.js';
import apgdDlr from './apgd-dlr.js';
import apgdT from './apgd-t.js';
import autoattack from './autoattack.js';
import boundary from './boundary.js';
import cwL2 from './cw-l2.js';
import ddn from './ddn.js';
import deepfool from './deepfool.js';
import diFgsm from './di-fgsm.js';
import ead from './ead.js';
import fab from './fab.js';
import fabT from './fab-t.js';
import fgsm from './fgsm.js';
import fmn from './fmn.js';
import gaussianNoise from './gaussian-noise.js';
import hopSkipJump from './hop-skip-jump.js';
import iFgsm from './i-fgsm.js';
import jsma from './jsma.js';
import miFgsm from './mi-fgsm.js';
import pgd from './pgd.js';
import spsa from './spsa.js';
import square from './square.js';
import tiFgsm from './ti-fgsm.js';
import uniformNoise from './uniform-noise.js';

export {
  apgdCe,
  apgdDlr,
  apgdT,
  autoattack,
  boundary,
  cwL2,
  ddn,
  deepfool,
  diFgsm,
  ead,
  fab,
  fabT,
  fgsm,
  fmn,
  gaussianNoise,
  hopSkipJump,
  iFgsm,
  jsma,
  miFgsm,
  pgd,
  spsa,
  square,
  tiFgsm,
  uniformNoise,
};
export const plugins: readonly AttackPlugin[] = [
  apgdCe,
  apgdDlr,
  apgdT,
  autoattack,
  boundary,
  cwL2,
  ddn,
  deepfool,
  diFgsm,
  ead,
  fab,
  fabT,
  fgsm,
  fmn,
  gaussianNoise,
  hopSkipJump,
  iFgsm,
  jsma,
  miFgsm,
  pgd,
  spsa,
  square,
  tiFgsm,
  uniformNoise,
];
