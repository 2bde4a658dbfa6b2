import { Type, type Static } from '@sinclair/typebox';
import * as tf from '@tensorflow/tfjs-core';
import type { Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import type { AttackDefinition, AttackInput } from '../plugin/contracts.js';
import { defineAttack } from '../plugin/define.js';
import { attackConformance } from './attack-conformance.js';

/*
 * The suite is worth what it catches: an attack that holds to everything passes every case, and each fault that is put
 * into it is caught by the case that is about it.
 */

const options = Type.Object({
  eps: Type.Number({ default: 40, description: 'size of the noise, in 0-255 levels' }),
  steps: Type.Integer({ minimum: 1, default: 3, description: 'signed steps' }),
});
type Options = Static<typeof options>;

/** Signed steps from a random start: everything that the suite looks at, and nothing else. */
async function signedSteps(input: AttackInput, { eps, steps }: Options, fault: string): Promise<Tensor4D> {
  const { model, images, labels, targets, random, checkpoint } = input;
  const values = Float32Array.from(await images.data());
  const length = values.length / labels.length;
  const size = eps / 255;
  for (let i = 0; i < labels.length; i++) {
    const stream = fault === 'draws from one stream' ? random(0, i) : random(i);
    for (let k = i * length; k < (i + 1) * length; k++) {
      const draw = fault === 'draws elsewhere' ? Math.random() : fault === 'draws nothing' ? 0.5 : stream.uniform();
      values[k] = Math.min(1, Math.max(0, values[k]! + (2 * draw - 1) * 0.1 * size));
    }
  }
  const direction = targets && fault !== 'ignores targets' ? -1 : 1;
  const goal = targets && fault !== 'ignores targets' ? targets : labels;
  const step = model.compile<[Tensor4D, Tensor2D], [Tensor4D]>(
    `step ${direction}`,
    { forwards: 0, gradients: 1 },
    (x, marked) => {
      const loss = (x: tf.Tensor) => tf.neg(tf.sum(tf.mul(tf.logSoftmax(model.logits(x as Tensor4D)), marked)));
      let gradient = tf.grad(loss)(x);
      if (fault === 'mixes the batch') gradient = tf.add(gradient, tf.mean(gradient, 0, true));
      const next = tf.add<Tensor4D>(x, tf.mul(tf.sign(gradient), (direction * 0.9 * size) / steps));
      return [fault === 'leaves the range' ? next : tf.clipByValue(next, 0, 1)];
    },
  );
  const marked = tf.tidy(() => tf.cast<Tensor2D>(tf.oneHot(Array.from(goal), model.classes) as Tensor2D, 'float32'));
  let x = tf.tensor4d(values, images.shape);
  try {
    for (let k = 0; k < steps; k++) {
      const [next] = step(Array.from(labels.keys()), x, marked);
      x.dispose();
      x = next;
      if (fault !== 'leaks when stopped') await checkpoint();
    }
    if (fault === 'costs more') tf.dispose(step(Array.from(labels.keys()), x, marked));
    if (fault === 'leaks when stopped') {
      const held = tf.scalar(1);
      await checkpoint();
      held.dispose();
    }
    return tf.clone(x);
  } finally {
    tf.dispose([x, marked]);
  }
}

function attackWith(fault: string, changes: Partial<AttackDefinition<typeof options>> = {}) {
  return defineAttack<typeof options>({
    name: 'steps',
    summary: 'signed steps from a random start',
    norm: 'linf',
    targeted: true,
    needs: 'gradients',
    random: true,
    options,
    cost: ({ steps }) => ({ forwards: 0, gradients: steps }),
    run: async (input, given) => {
      const o = fault === 'ignores steps' ? { ...given, steps: 1 } : given;
      const images = await signedSteps(input, o, fault);
      if (fault === 'leaks') tf.scalar(1);
      if (fault === 'changes labels') input.labels[0] = 4;
      if (fault === 'disposes') input.images.dispose();
      if (fault === 'cuts the batch') return { images: tf.slice(images, 0, 1), iterations: Int32Array.of(1) };
      if (fault === 'does nothing') {
        images.dispose();
        return { images: tf.clone(input.images), iterations: new Int32Array(input.labels.length) };
      }
      return { images, iterations: new Int32Array(input.labels.length).fill(o.steps) };
    },
    ...changes,
  });
}

const suite = {
  variations: { eps: [{ eps: 10 }], steps: [{ steps: 1 }] },
  bound: (o: Record<string, unknown>) => Number(o['eps']) / 255,
};

/** The cases that do not hold, by name. */
async function failures(plugin: ReturnType<typeof attackWith>, given: Parameters<typeof attackConformance>[1] = suite) {
  const failed: string[] = [];
  for (const { name, run } of attackConformance(plugin, given)) await run().catch(() => failed.push(name));
  return failed;
}

test('an attack that holds to everything passes', async () => {
  expect(await failures(attackWith(''))).toEqual([]);
});

describe('is caught', () => {
  test.each([
    ['leaves the range', /in \[0, 1\]/],
    ['cuts the batch', /same shape/],
    ['does nothing', /fools the model/],
    ['changes labels', /inputs alone/],
    ['disposes', /inputs alone/],
    ['draws elsewhere', /same images twice/],
    ['draws from one stream', /same results in batches/],
    ['draws from one stream', /another order/],
    ['mixes the batch', /same results in batches/],
    ['mixes the batch', /NaN/],
    ['leaks', /leaves no tensors behind$/],
    ['leaks when stopped', /when the run is stopped/],
    ['costs more', /costs no more/],
    ['ignores steps', /option steps: changes/],
    ['draws nothing', /draws from the stream/],
    ['ignores targets', /goes to the target/],
  ])('one that %s, by %s', async (fault, name) => {
    expect(await failures(attackWith(fault))).toContainEqual(expect.stringMatching(name));
  });

  test('one that goes further than its bound', async () => {
    const tight = { ...suite, bound: () => 39 / 255 };
    expect(await failures(attackWith(''), tight)).toEqual(['keeps within its bound']);
  });

  test('an option that no variation is given for, and a variation of an option that is none', async () => {
    const { eps } = suite.variations;
    expect(await failures(attackWith(''), { variations: { eps } })).toEqual(['option steps: changes what comes out']);
    expect(await failures(attackWith(''), { variations: { ...suite.variations, epsilon: eps } })).toHaveLength(2);
  });

  test('options without description, without default, or declared to change nothing while they do', async () => {
    const of = (steps: Record<string, unknown>) =>
      attackWith('', { options: { ...options, properties: { ...options.properties, steps } } as typeof options });
    const described = /describes every option/;
    expect(await failures(of({ type: 'integer', default: 3 }))).toContainEqual(expect.stringMatching(described));
    const bare = of({ type: 'integer', description: 'signed steps' });
    expect(await failures(bare)).toContainEqual(expect.stringMatching(described));
    const free = of({ type: 'integer', default: 3, description: 'signed steps', affectsResult: false });
    expect(await failures(free)).toEqual(['option steps: changes nothing, as it says']);
  });

  test('a bad name and an empty summary', async () => {
    expect(await failures(attackWith('', { name: 'My-Attack' }))).toEqual([
      'has a name, a one-line summary, and a source',
    ]);
    expect(await failures(attackWith('', { summary: '' }))).toHaveLength(1);
  });
});
