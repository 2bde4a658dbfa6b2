/*
 * For bench/sweeps.js alone: cells that wait for something elsewhere. An attack that sleeps and leaves the images as they
 * are, and a network that asks next to nothing of the processor.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs-core';
import { Type } from '@sinclair/typebox';
import { defineAttack, defineModel } from '@shield/core';

const CLASSES = 10;

const attack = defineAttack({
  name: 'sleep',
  summary: 'leaves the images as they are, after a while',
  norm: 'none',
  targeted: false,
  needs: 'nothing',
  random: false,
  options: Type.Object({
    seconds: Type.Number({ minimum: 0, default: 10, description: 'that it sleeps' }),
    cell: Type.Integer({ default: 0, description: 'so that no two cells share an artifact' }),
  }),
  cost: () => ({ forwards: 0, gradients: 0 }),
  run: async ({ images, labels }, { seconds }) => {
    await sleep(1000 * seconds);
    return { images: images.clone(), iterations: new Int32Array(labels.length) };
  },
});

const model = defineModel({
  name: 'brightness',
  summary: 'takes every image for one of class 0, by its brightness alone',
  options: Type.Object({}),
  load: () =>
    Promise.resolve({
      inputSize: { height: 32, width: 32 },
      classes: CLASSES,
      labelOffset: 0,
      weightsDigest: 'none',
      logits: (images) => tf.mul(tf.mean(images, [1, 2, 3]).expandDims(1), tf.range(0, -CLASSES, -1).expandDims(0)),
      dispose: () => undefined,
    }),
});

export const plugins = [attack, model];
