import { Type } from '@sinclair/typebox';
import { defineAttack } from '@shield/core';
import { apgdOf, apgdOptions, apgdReference } from './apgd-options.js';
import { apgd, costOfApgd } from './apgd.js';

/** Auto-PGD (Croce and Hein 2020a, algorithm 1) on the difference of logits ratio (section 4, equation 6), which the scale of the logits does not change. */
export default defineAttack({
  name: 'apgd_dlr',
  summary: 'Auto-PGD on the difference of logits ratio: step sizes found by themselves, in linf or l2',
  reference: apgdReference,
  norm: 'linf',
  targeted: false,
  needs: 'gradients',
  random: true,
  options: Type.Object(apgdOptions, { additionalProperties: false }),
  cost: costOfApgd,
  run: (input, options) => apgd(input, { attack: 'apgd_dlr', loss: 'dlr', ...apgdOf(options) }),
});
