import * as tf from '@tensorflow/tfjs-core';
import { Type } from '@sinclair/typebox';
import { describe, expect, it } from 'vitest';
import type { Model } from '../plugin/contracts.js';
import { defineModel } from '../plugin/define.js';
import { modelConformance } from './model-conformance.js';
import { tinyModel } from './tiny-model.js';

const plugin = defineModel({
  name: 'tiny',
  summary: 'a model for this test',
  options: Type.Object({}, { additionalProperties: false }),
  load: () => Promise.resolve(tinyModel()),
});

/** The cases that a model fails. */
async function failed(change: (model: Model) => Model): Promise<string[]> {
  const names: string[] = [];
  for (const { name, run } of modelConformance(plugin, { load: () => Promise.resolve(change(tinyModel())) }))
    await run().catch(() => names.push(name));
  return names;
}

/** The gradient of another function than the one that it computes. */
const crooked = tf.customGrad((x) => ({
  value: tf.clone(x as tf.Tensor),
  gradFunc: (dy: tf.Tensor) =>
    tf.mul(dy, tf.add(1, tf.mul(0.5, tf.cos(tf.mul(tf.range(0, dy.size), 1.7)))).reshape(dy.shape)),
}));

describe('modelConformance', () => {
  it('lets a sound model pass', async () => {
    expect(await failed((model) => model)).toEqual([]);
  });

  it.each<[string, RegExp, (model: Model) => Model]>([
    ['another number of classes', /finite logits/, (model) => ({ ...model, classes: 7 })],
    ['no answer to black', /finite logits/, (model) => ({ ...model, logits: (x) => tf.tidy(() => tf.div(model.logits(x), tf.max(x))) })], // prettier-ignore
    ['an eye on the whole batch', /by itself/, (model) => ({ ...model, logits: (x) => tf.tidy(() => model.logits(tf.sub(x, tf.mean(x, 0, true)))) })], // prettier-ignore
    ['a wrong gradient', /finite differences/, (model) => ({ ...model, logits: (x) => tf.tidy(() => model.logits(crooked(x) as tf.Tensor4D)) })], // prettier-ignore
    ['tensors that stay', /no tensors/, (model) => ({ ...model, logits: (x) => (tf.keep(tf.scalar(1)), model.logits(x)) })], // prettier-ignore
    ['weights that stay', /frees its own/, (model) => ({ ...model, dispose: () => undefined })],
    ['no digest', /weights are/, (model) => ({ ...model, weightsDigest: '' })],
  ])('tells a model with %s', async (_, which, change) => {
    const names = await failed(change);
    expect(names.join('\n')).toMatch(which);
  });
});
