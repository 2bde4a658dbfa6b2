import { Random, openBackend, type AttackInput } from '@shield/core';
import { attackConformance } from '@shield/core/testing';
import * as tf from '@tensorflow/tfjs-core';
import type { Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import autoattack from './autoattack.js';
import recorded from './testing/autoattack.json' with { type: 'json' };
import { CLASSES, SIZE, attackFormula, formulaLogits } from './testing/formula-network.js';

describe('autoattack conforms', () => {
  const short = { steps: 3, targets: 2, queries: 10 };
  const cases = attackConformance(autoattack, {
    options: { eps: 8, ...short },
    variations: {
      version: [{ base: { eps: 1 }, changed: { version: 'plus' } }, { version: 'rand' }],
      norm: [{ norm: 'l2' }],
      eps: [{ eps: 2 }],
      steps: [{ base: { eps: 1 }, changed: { steps: 2 } }],
      targets: [{ base: { eps: 1 }, changed: { targets: 1 } }],
      queries: [{ base: { eps: 0.2 }, changed: { queries: 5 } }],
    },
    bound: ({ eps }) => Number(eps) / 255,
  });
  for (const { name, run } of cases) test(name, run);
});

/** The formula network with other logits, counting its passes. */
function modelOf(logits: (images: Tensor4D) => Tensor2D, classes = CLASSES): AttackInput['model'] {
  return {
    inputSize: { height: SIZE, width: SIZE },
    classes,
    logits,
    compile:
      (_name, _cost, fn) =>
      (_rows, ...inputs) =>
        tf.tidy(() => fn(...inputs)),
  };
}

/** As the network, but that no gradient comes through. */
function blind(images: Tensor4D): Tensor2D {
  const logits = tf.customGrad((x) => ({
    value: formulaLogits(x as Tensor4D),
    gradFunc: () => tf.zerosLike(x as Tensor4D),
  }));
  return logits(images) as Tensor2D;
}

/** Adds to the logits what no two passes have alike. */
function noisy(size: number): (images: Tensor4D) => Tensor2D {
  let passes = 0;
  return (images) => {
    const logits = formulaLogits(images);
    const random = new Random('noisy', passes++);
    const noise = Float32Array.from({ length: logits.size }, () => size * random.normal());
    return tf.add<Tensor2D>(logits, tf.tensor2d(noise, logits.shape));
  };
}

describe('autoattack on the formula network', () => {
  beforeAll(() => openBackend('cpu', { log: () => undefined, warn: () => undefined }));

  test.each(recorded.standard)('$norm, eps $eps: breaks every image that torchattacks does', async (peer) => {
    const { norm, eps, broken } = peer;
    const options = { norm, eps, steps: 12, queries: 10 };
    const { verdicts, labels, by, flags, ...outcome } = await attackFormula(autoattack, options, broken.length);
    broken.forEach((isBroken, i) => {
      if (isBroken) expect(verdicts[i]).not.toBe(labels[i]);
      // What names its attack is broken, and the other way round; either way within eps.
      expect(by![i] !== undefined).toBe(verdicts[i] !== labels[i]);
      expect(outcome[norm as 'linf' | 'l2'][i]).toBeLessThanOrEqual((eps / 255) * (1 + 1e-5) + 1e-7);
      expect(flags![i]).toEqual([]);
    });
  });

  test('an image that is broken is left alone by the attacks that follow', async () => {
    const { by, iterations } = await attackFormula(autoattack, { eps: 0.5, steps: 20, queries: 30 });
    const first = Array.from(iterations).filter((_, i) => by![i] === 'apgd_ce');
    const standing = Array.from(iterations).filter((_, i) => by![i] === undefined);
    expect(Math.max(...first)).toBeLessThanOrEqual(20);
    // 20 of apgd_ce, 4 × 20 of apgd_t and of fab_t, 30 queries.
    for (const count of standing) expect(count).toBe(20 + 80 + 80 + 30);
    expect(first.length * standing.length).toBeGreaterThan(0);
  });

  const short = { steps: 2, targets: 1, queries: 3 };
  const raised = async (logits: (images: Tensor4D) => Tensor2D, options = {}) =>
    (await attackFormula(autoattack, { eps: 0.1, ...short, ...options }, 4, { model: modelOf(logits) })).flags!;

  test.each([
    ['randomised', noisy(0.01)],
    ['unsteady_logits', noisy(1e-5)],
    ['probabilities', (images: Tensor4D) => tf.softmax(formulaLogits(images))],
    ['zero_gradient', blind],
    ['zero_ce_gradient', (images: Tensor4D) => tf.mul<Tensor2D>(formulaLogits(images), 1e4)],
  ] as const)('%s is flagged', async (flag, logits) => {
    for (const flags of await raised(logits)) expect(flags).toEqual([flag]);
  });

  test('rand does not mind a randomised model', async () => {
    for (const flags of await raised(noisy(0.01), { version: 'rand' })) expect(flags).toEqual([]);
  });

  test('rand takes the mean of 20 gradients, where others take one', async () => {
    const count = async (version: string) => {
      let passes = 0;
      const model = modelOf((images) => {
        passes++;
        return formulaLogits(images);
      });
      await attackFormula(autoattack, { eps: 1e-3, ...short, version }, 1, { model });
      return passes;
    };
    // Of sanity: a pass and two gradients. Two attacks of 3 points (the start and 2 steps), each judged.
    expect(await count('rand')).toBe(3 + 2 * (3 * 20 + 1));
    // Five passes and two gradients; apgd_ce; apgd_t and its ranking; fab_t: its ranking, two planes and their points; square.
    expect(await count('standard')).toBe(7 + 3 + 1 + (1 + 3) + 1 + (1 + 2 * 2) + 1 + 3 + 1);
  });

  test('square breaking what no gradient leads to is flagged, on those images', async () => {
    const options = { eps: 4, steps: 2, targets: 1, queries: 200 };
    const { by, flags } = await attackFormula(autoattack, options, 6, { model: modelOf(blind) });
    expect(by).toContain('square');
    by!.forEach((name, i) => expect(flags![i]!.includes('square_ahead')).toBe(name === 'square'));
  });

  test.each([
    ['standard', 3, /runs apgd_t, whose loss ranks 4 logits, and the model has 3/],
    ['plus', 3, /runs apgd_t, whose loss ranks 4 logits, and the model has 3/],
    ['rand', 2, /runs apgd_dlr, whose loss ranks 3 logits, and the model has 2/],
  ])('%s with %d classes is an error that names them', async (version, classes, message) => {
    const model = modelOf((images) => tf.slice(formulaLogits(images), [0, 0], [-1, classes]), classes);
    await expect(attackFormula(autoattack, { version }, 2, { model })).rejects.toThrow(message);
  });

  test('more targets than there are classes are all other classes', async () => {
    const [all, more] = [
      await attackFormula(autoattack, { eps: 0.2, steps: 3, queries: 2, targets: CLASSES - 1 }),
      await attackFormula(autoattack, { eps: 0.2, steps: 3, queries: 2, targets: 100 }),
    ];
    expect(more.pixels).toEqual(all.pixels);
  });
});
