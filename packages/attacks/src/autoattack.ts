import { Type } from '@sinclair/typebox';
import { defineAttack, type AttackInput, type AttackOutput, type Cost } from '@shield/core';
import * as tf from '@tensorflow/tfjs-core';
import { BestImages, WRONG_BY } from './apgd-best-images.js';
import { checkClasses, partsOf, type AutoAttackOptions, type Part } from './autoattack-parts.js';
import { FLAGS, costOfSanity, sanityFlags } from './autoattack-sanity.js';
import { lengthOf } from './fab-projection.js';
import { partOfInput } from './part-of-input.js';
import { marginJudge } from './queries.js';

/** More draws than one attack takes of an image's stream. */
const DRAWS = 1e6;

const options = Type.Object(
  {
    version: Type.Union([Type.Literal('standard'), Type.Literal('plus'), Type.Literal('rand')], {
      default: 'standard',
      description:
        'standard: apgd_ce, apgd_t, fab_t, square; plus: apgd_ce and apgd_dlr with 5 restarts, fab with 5, square, ' +
        'apgd_t, fab_t; rand, for models that draw random numbers: apgd_ce and apgd_dlr, gradients being means of 20',
    }),
    norm: Type.Union([Type.Literal('linf'), Type.Literal('l2')], {
      default: 'linf',
      description: 'norm of the change that eps bounds',
    }),
    eps: Type.Number({
      exclusiveMinimum: 0,
      default: 4,
      description: 'largest change in 0-255 levels: of a pixel (linf), or the L2 norm over all pixels (l2)',
    }),
    steps: Type.Integer({
      minimum: 1,
      default: 100,
      description: 'steps of one try of the attacks that see gradients',
    }),
    targets: Type.Integer({
      minimum: 1,
      default: 9,
      description: 'classes that apgd_t and fab_t aim at, and that fab looks at beside the label; the most likely ones',
    }),
    queries: Type.Integer({ minimum: 1, default: 5000, description: 'queries of square' }),
  },
  { additionalProperties: false },
);

/**
 * AutoAttack (Croce and Hein 2020a, section 6): attacks of different kinds, one after the other, each on the images that
 * still stand. Every setting but eps is the authors', with targets for fab's classes, of which they take all.
 */
export default defineAttack({
  name: 'autoattack',
  aliases: ['auto_attack'],
  summary: 'AutoAttack: APGD, FAB and Square in turn on the images that still stand, with sanity checks; linf or l2',
  reference: {
    title:
      'Croce, Hein: Reliable Evaluation of Adversarial Robustness with an Ensemble of Diverse Parameter-free Attacks, ICML 2020',
    url: 'https://arxiv.org/abs/2003.01690',
  },
  norm: 'linf',
  targeted: false,
  needs: 'gradients',
  random: true,
  flags: FLAGS,
  options,
  cost: costOf,
  run,
});

function costOf(o: AutoAttackOptions): Cost {
  const parts = partsOf(o);
  const { forwards, gradients } = costOfSanity(o.version);
  const sum = (of: (part: Part) => number) => parts.reduce((total, part) => total + of(part), 0);
  return {
    // The images of each attack are judged.
    forwards: forwards + sum(({ cost }) => cost.forwards + 1),
    gradients: gradients + sum(({ cost }) => cost.gradients),
  };
}

async function run(input: AttackInput, o: AutoAttackOptions): Promise<AttackOutput> {
  const parts = partsOf(o);
  checkClasses(parts, o.version, input.model.classes);
  const flags = await sanityFlags(input, o.version);
  const by: (string | undefined)[] = Array.from(input.labels, () => undefined);
  const iterations = new Int32Array(input.labels.length);
  const results = await BestImages.of(input);
  const judge = marginJudge(input);
  for (const [index, part] of parts.entries()) {
    const rows = results.standing();
    if (rows.length === 0) break;
    const given = partOfInput(input, {
      rows,
      firstDraw: index * DRAWS,
      checkpoint: (at) => input.checkpoint({ done: index + (at ? at.done / at.of : 0), of: parts.length }),
    });
    const output = await runPart(part, given);
    const right = await judge(rows.map((image, row) => ({ image, pixels: output.pixels[row]! })));
    rows.forEach((image, row) => {
      iterations[image]! += output.iterations[row]!;
      const pixels = output.pixels[row]!;
      if (part.unbounded && !within(results.clean(image), pixels, o)) return;
      results.put(image, right[row]!, pixels);
      if (!(right[row]! < -WRONG_BY)) return;
      by[image] = part.name;
      if (part.name === 'square') flags[image]!.add('square_ahead');
    });
  }
  return { ...results.output(), iterations, by, flags: flags.map((raised) => [...raised]) };
}

/** What an attack makes of what it is given, which is disposed. */
async function runPart(part: Part, given: AttackInput) {
  let output: AttackOutput | undefined;
  try {
    output = await part.run(given);
    const pixels = (await output.images.data()) as Float32Array;
    const length = pixels.length / given.ids.length;
    return {
      pixels: given.ids.map((_, row) => pixels.slice(row * length, (row + 1) * length)),
      iterations: output.iterations,
    };
  } finally {
    tf.dispose([given.images, ...(output ? [output.images] : [])]);
  }
}

function within(clean: Float32Array, pixels: Float32Array, { norm, eps }: AutoAttackOptions): boolean {
  const change = pixels.map((value, i) => value - clean[i]!);
  return lengthOf(change, norm) <= eps / 255;
}
