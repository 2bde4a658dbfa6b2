import { Type } from '@sinclair/typebox';
import { defineAttack } from '@shield/core';
import { apgdOf, apgdOptions, apgdReference } from './apgd-options.js';
import { apgd, costOfApgd } from './apgd.js';

const options = Type.Object(
  {
    ...apgdOptions,
    targets: Type.Integer({
      minimum: 1,
      default: 9,
      description: 'how many classes are aimed at, one after the other, from the most likely one on the clean image',
    }),
  },
  { additionalProperties: false },
);

/**
 * Auto-PGD on the targeted difference of logits ratio (Croce and Hein 2020a, section 4, equation 7), for each of the most
 * likely classes that are not the label.
 */
export default defineAttack({
  name: 'apgd_t',
  summary: 'Auto-PGD on the targeted difference of logits ratio, for one likely class after the other',
  reference: apgdReference,
  norm: 'linf',
  targeted: false,
  needs: 'gradients',
  random: true,
  options,
  cost: costOfApgd,
  run: (input, o) => apgd(input, { attack: 'apgd_t', loss: 'targeted_dlr', targets: o.targets, ...apgdOf(o) }),
});
