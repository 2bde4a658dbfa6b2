import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, expect, it } from 'vitest';
import { openBackend } from '../backend/index.js';
import type { TrainingForm } from '../plugin/contracts.js';
import { dropoutMasks, dropoutPlaces, maskedDropout } from './dropout.js';

beforeAll(async () => void (await openBackend('cpu', { log: () => undefined, warn: () => undefined })));

const stream = (ids: readonly string[]) => (i: number) => ['dropout.test', ids[i]!];

it('asks the network where it drops, without changing it or leaving tensors', () => {
  const average = tf.tidy(() => tf.variable(tf.scalar(1), false));
  const training: TrainingForm = {
    variables: { average },
    head: [],
    logits: (images, { batchStatistics, dropout }) => {
      if (batchStatistics) average.assign(tf.scalar(2));
      const features = dropout(tf.mean<tf.Tensor2D>(images, [1, 2]), 0.25);
      return dropout(dropout(features, 0), 0.5);
    },
  };
  const before = tf.memory().numTensors;
  const places = dropoutPlaces(training, { height: 4, width: 4 });
  expect(places).toEqual([
    { shape: [3], rate: 0.25 },
    { shape: [3], rate: 0.5 },
  ]);
  expect(average.dataSync()[0]).toBe(1);
  expect(tf.memory().numTensors).toBe(before);
  average.dispose();
});

it('drops the share that is asked for and scales the rest, so that the mean stays', () => {
  const [mask] = dropoutMasks([{ shape: [100, 50], rate: 0.3 }], 2, stream(['a', 'b']));
  const values = Array.from(mask!.dataSync());
  expect(new Set(values)).toEqual(new Set([0, Math.fround(1 / 0.7)]));
  expect(values.filter((value) => value === 0).length / values.length).toBeCloseTo(0.3, 1);
  const dropped = maskedDropout([mask!])(tf.ones([2, 100, 50]), 0.3);
  expect(tf.mean(dropped).dataSync()[0]).toBeCloseTo(1, 1);
  tf.dispose([mask!, dropped]);
});

it('draws for each image by itself: its place in the batch is of no account', () => {
  const places = [{ shape: [20], rate: 0.5 }, { shape: [20], rate: 0.5 }]; // prettier-ignore
  const rows = (ids: readonly string[]) =>
    dropoutMasks(places, ids.length, stream(ids)).map((mask) => (mask as tf.Tensor2D).arraySync());
  const [two, alone] = [rows(['a', 'b']), rows(['b'])];
  expect(alone.map(([row]) => row)).toEqual(two.map((mask) => mask[1]));
  expect(two[0]![0]).not.toEqual(two[0]![1]);
  expect(two[0]![0]).not.toEqual(two[1]![0]);
});
