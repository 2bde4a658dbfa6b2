import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { Type } from '@sinclair/typebox';
import { openBackend } from '../backend/index.js';
import type { Dataset, Model } from '../plugin/contracts.js';
import { defineDefense } from '../plugin/index.js';
import { Random } from '../random/random.js';
import type { TrainSpec } from '../spec/resolved-spec.js';
import { readSafetensors } from '../weights/safetensors.js';
import { saveWeights } from '../weights/save-weights.js';
import type { Backend } from '../backend/index.js';
import { trainModel, type EpochMetrics, type TrainOptions } from './train.js';

const SIDE = 4;
const SPEC: TrainSpec = {
  optimizer: 'adam',
  learning_rate: 0.05,
  momentum: 0.9,
  schedule: 'cosine',
  step_epochs: 10,
  step_factor: 0.1,
  warmup: 0,
  weight_decay: 0,
  label_smoothing: 0,
  epochs: 6,
  layers: 'all',
  statistics: 'batch',
  statistics_momentum: 0.9,
  flip: false,
  crop: 1,
  validation: 40,
  patience: 0,
};

/** Which third of the image is bright; noise makes it no matter of one pixel. */
function stripes(count: number): Dataset {
  return {
    size: count,
    fingerprint: () => Promise.resolve('stripes'),
    items: async function* () {
      for (let i = 0; i < count; i++) {
        const random = new Random('stripes', i);
        const label = i % 3;
        const data = Uint8Array.from({ length: SIDE * SIDE * 3 }, (_, at) => {
          const row = Math.floor(at / (SIDE * 3));
          return random.integer(120) + (row === label ? 135 : 0);
        });
        yield { id: `s${i}`, label, path: `stripes/${i}`, load: () => ({ data, height: SIDE, width: SIDE }) as never };
      }
    },
  };
}

/** Softmax regression, from zero weights. */
function linearModel(): Model & { weights(): number[] } {
  const kernel = tf.tidy(() => tf.variable(tf.zeros<tf.Rank.R2>([SIDE * SIDE * 3, 3])));
  const bias = tf.tidy(() => tf.variable(tf.zeros<tf.Rank.R1>([3])));
  const logits = (images: tf.Tensor4D): tf.Tensor2D =>
    tf.tidy(() => tf.add(tf.matMul(tf.reshape(images, [images.shape[0], -1]), kernel as unknown as tf.Tensor2D), bias));
  return {
    inputSize: { height: SIDE, width: SIDE },
    classes: 3,
    labelOffset: 0,
    weightsDigest: '',
    logits,
    training: { variables: { kernel: kernel, bias: bias }, head: ['bias'], logits },
    dispose: () => tf.dispose([kernel, bias]),
    weights: () => [...kernel.dataSync(), ...bias.dataSync()],
  };
}

async function train(spec: Partial<TrainSpec>, more: Partial<TrainOptions> = {}) {
  const model = linearModel();
  const { history, best } = await trainModel({
    model,
    backend,
    defenses: [],
    seed: 7,
    handover: 'round',
    dataset: stripes(160),
    spec: { ...SPEC, ...spec },
    batch: 16,
    preprocess: { resize: 'stretch', interpolation: 'bilinear', crop: 1, idct: 'islow' },
    onCorrupt: 'fail',
    signal: new AbortController().signal,
    ...more,
  });
  const weights = model.weights();
  model.dispose();
  return { history, best, weights };
}

let backend: Backend;
beforeAll(async () => {
  backend = await openBackend('cpu', { log: () => undefined, warn: () => undefined });
});

describe('trainModel', () => {
  it.each(['adam', 'sgd'] as const)('learns with %s, and is as good on the images held out', async (optimizer) => {
    const { history } = await train({ optimizer, epochs: 12 });
    expect(history).toHaveLength(12);
    const [first, last] = [history[0]!, history.at(-1)!];
    expect(last.trainLoss).toBeLessThan(0.7 * first.trainLoss);
    expect(last.trainAccuracy).toBeGreaterThan(0.97);
    expect(last.validationAccuracy).toBeGreaterThan(0.97);
    expect(last.learningRate).toBeLessThan(0.01 * SPEC.learning_rate);
  });

  it('depends on the seed alone', async () => {
    const one = await train({ epochs: 2 });
    const same = await train({ epochs: 2 });
    const other = await train({ epochs: 2 }, { seed: 8 });
    expect(same.weights).toEqual(one.weights);
    expect(other.weights).not.toEqual(one.weights);
  });

  it('holds the last images out of training', async () => {
    const { history, weights } = await train({ epochs: 2, validation: 0 });
    expect(history[0]).not.toHaveProperty('validationAccuracy');
    // Without the held images the training is another one; with a shorter dataset and none held it is the same.
    const held = await train({ epochs: 2, validation: 40 });
    const shorter = await train({ epochs: 2, validation: 0 }, { dataset: stripes(120) });
    expect(held.weights).toEqual(shorter.weights);
    expect(weights).not.toEqual(held.weights);
  });

  it('makes one step as written down: SGD, then the decay', async () => {
    // From zero weights the softmax is 1/3 everywhere: dL/dbias is the mean of (1/3 − target).
    const step = {
      optimizer: 'sgd',
      epochs: 1,
      validation: 0,
      schedule: 'constant',
      momentum: 0,
      learning_rate: 0.3,
    } as const;
    const { weights } = await train(step, { dataset: stripes(4), batch: 4 });
    const counts = [2, 1, 1];
    const bias = (smoothing: number) => counts.map((n) => -0.3 * (1 / 3 - ((n / 4) * (1 - smoothing) + smoothing / 3)));
    expectClose(weights.slice(-3), bias(0));
    const smoothed = await train({ ...step, label_smoothing: 0.2 }, { dataset: stripes(4), batch: 4 });
    expectClose(smoothed.weights.slice(-3), bias(0.2));
    const decayed = await train({ ...step, weight_decay: 0.5 }, { dataset: stripes(4), batch: 4 });
    // Kernels shrink by learning rate × decay, biases do not.
    expectClose(decayed.weights, [...weights.slice(0, -3).map((w) => w * (1 - 0.15)), ...weights.slice(-3)]);
  });

  it('trains the classifier alone where asked', async () => {
    const { weights } = await train({ layers: 'head', epochs: 1 });
    expect(weights.slice(0, -3).every((value) => value === 0)).toBe(true);
    expect(weights.slice(-3).every((value) => value !== 0)).toBe(true);
    const headless = linearModel();
    Object.assign(headless.training!, { head: [] });
    await expect(train({ layers: 'head' }, { model: headless })).rejects.toMatchObject({
      code: 'TRAINING_IMPOSSIBLE',
    });
    headless.dispose();
  });

  it('sends every image through the defense, those held out too, with draws of its own each epoch', async () => {
    const draws: string[] = [];
    const blind = (value: number) =>
      defineDefense({
        name: `blind_${value}`,
        summary: 'nothing of the image is left',
        takes: 'bytes',
        random: true,
        gradient: 'straight-through',
        options: Type.Object({}),
        apply: (image, _, random) => {
          draws.push(`${value} ${random.uniform()}`);
          return { ...image, data: (image.data as Uint8Array).slice().fill(value) };
        },
      });
    const chosen = (value: number) => {
      const name = `blind_${value}`;
      return { name, steps: [{ name, plugin: blind(value), options: {} }] };
    };
    const { history } = await train({ epochs: 2 }, { defenses: [chosen(9)] });
    // 7 batches of 16 in each epoch, and 40 images held out, whose draws stay.
    expect(draws).toHaveLength(2 * (112 + 40));
    expect(new Set(draws).size).toBe(2 * 112 + 40);
    expect(history.at(-1)!.validationAccuracy).toBeLessThan(0.45);
    draws.length = 0;
    await train({ epochs: 1, validation: 0 }, { defenses: [chosen(9), chosen(200)] });
    const first = draws.filter((draw) => draw.startsWith('9 ')).length / draws.length;
    expect(first).toBeGreaterThan(0.3);
    expect(first).toBeLessThan(0.7);
  });

  it('flips and crops change what is seen, and nothing of what is held out', async () => {
    const plain = await train({ epochs: 1, learning_rate: 1e-12 });
    for (const how of [{ flip: true }, { crop: 0.3 }]) {
      const changed = await train({ epochs: 1, learning_rate: 1e-12, ...how });
      expect(changed.history[0]!.validationLoss).toBeCloseTo(plain.history[0]!.validationLoss!, 9);
      expect((await train({ epochs: 1, ...how })).weights).not.toEqual((await train({ epochs: 1 })).weights);
    }
  });

  it('ends early, and says which epoch was the best', async () => {
    const { history, best } = await train({ patience: 2, epochs: 9, learning_rate: 1e-12, schedule: 'constant' });
    expect([history.length, best]).toEqual([3, 1]);
    await expect(train({ patience: 2, validation: 0 })).rejects.toMatchObject({ code: 'TRAINING_IMPOSSIBLE' });
  });

  it('refuses labels that the classifier has no class for, before the first step', async () => {
    let steps = 0;
    const wrong = { ...linearModel(), classes: 2 };
    const refused = train({}, { model: wrong, onStep: () => void steps++ });
    await expect(refused).rejects.toMatchObject({ code: 'LABEL_OUT_OF_RANGE', params: { label: 2, id: 's2', max: 1 } });
    expect(steps).toBe(0);
    wrong.dispose();
  });

  it('says that it diverged, with the weights of the last good epoch left in the model', async () => {
    const model = linearModel();
    let saved: number[] = [];
    let epochs = 0;
    const diverging = train(
      { optimizer: 'sgd', schedule: 'constant', epochs: 5 },
      {
        model,
        onEpoch: () => {
          epochs++;
          saved = model.weights();
        },
        onStep: ({ epoch, step }) => {
          if (epoch === 2 && step === 10) model.training!.variables['kernel']!.assign(tf.fill([48, 3], 3e38));
        },
      },
    );
    await expect(diverging).rejects.toMatchObject({ code: 'TRAINING_DIVERGED' });
    expect(epochs).toBe(1);
    expect(model.weights()).toEqual(saved);
    expect(model.weights().some((value) => value !== 0)).toBe(true);
    model.dispose();
  });

  it('stops where the run is being stopped', async () => {
    const controller = new AbortController();
    const seen: EpochMetrics[] = [];
    const onStep = ({ step }: { step: number }) => {
      if (step === 3) controller.abort();
    };
    const stopped = train({}, { signal: controller.signal, onStep, onEpoch: (metrics) => void seen.push(metrics) });
    await expect(stopped).rejects.toMatchObject({ name: 'AbortError' });
    expect(seen).toHaveLength(0);
  });

  it('refuses what cannot be trained', async () => {
    const fixed = { ...linearModel(), training: undefined } as unknown as Model;
    await expect(train({}, { model: fixed })).rejects.toMatchObject({ code: 'TRAINING_IMPOSSIBLE' });
    await expect(train({ validation: 160 })).rejects.toMatchObject({ code: 'TRAINING_IMPOSSIBLE' });
  });

  it('leaves no tensors behind', async () => {
    const before = tf.memory().numTensors;
    await train({ epochs: 1 });
    const after = tf.memory().numTensors;
    await train({ epochs: 3, optimizer: 'sgd', weight_decay: 0.1 });
    expect([after, tf.memory().numTensors]).toEqual([before, before]);
  });
});

describe('saveWeights', () => {
  it('writes what the reader gives back, byte for byte the same for the same weights', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'shield-weights-'));
    const model = linearModel();
    model.training!.variables['kernel']!.assign(
      tf.tensor(
        Float32Array.from({ length: 144 }, (_, i) => Math.sin(i)),
        [48, 3],
      ),
    );
    const path = join(folder, 'weights.safetensors');
    const { bytes } = await saveWeights(model, path, { spec: 'test' });
    const file = new Uint8Array(await readFile(path));
    expect(file.length).toBe(bytes);
    const { tensors, metadata } = readSafetensors(file, path);
    expect(metadata).toEqual({ spec: 'test' });
    expect(tensors.get('kernel')!.shape).toEqual([48, 3]);
    expect([...tensors.get('kernel')!.data, ...tensors.get('bias')!.data]).toEqual(model.weights());
    await saveWeights(model, path, { spec: 'test' });
    expect(new Uint8Array(await readFile(path))).toEqual(file);
    await expect(saveWeights(model, join(folder, 'no', 'w.safetensors'))).rejects.toMatchObject({
      code: 'WRITE_FAILED',
    });
    model.dispose();
    await rm(folder, { recursive: true });
  });
});

function expectClose(actual: readonly number[], expected: readonly number[]): void {
  expect(actual).toHaveLength(expected.length);
  actual.forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 6));
}
