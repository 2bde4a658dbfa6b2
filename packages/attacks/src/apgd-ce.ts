import { Type } from '@sinclair/typebox';
import { defineAttack } from '@shield/core';
import { apgdOf, apgdOptions, apgdReference } from './apgd-options.js';
import { apgd, costOfApgd } from './apgd.js';

/** Auto-PGD (Croce and Hein 2020a, algorithm 1) on the cross-entropy. */
export default defineAttack({
  name: 'apgd_ce',
  summary: 'Auto-PGD on the cross-entropy: step sizes found by themselves, in linf or l2',
  reference: apgdReference,
  norm: 'linf',
  targeted: false,
  needs: 'gradients',
  random: true,
  options: Type.Object(apgdOptions, { additionalProperties: false }),
  cost: costOfApgd,
  run: (input, options) => apgd(input, { attack: 'apgd_ce', loss: 'ce', ...apgdOf(options) }),
});
