import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { openBackend, readSafetensors, saveWeights, sizeOf, writeSafetensors, type Model } from '@shield/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { plugins as datasets } from '../../datasets/src/index.js';
import { smallCnnShapes } from './small-cnn-network.js';
import smallCnn from './small-cnn.js';
import { testContext } from './testing/load-context.js';

const bundled = new URL('../weights/small-cnn.safetensors', import.meta.url);
const load = (weights: string) => smallCnn.load({ weights, classes: 0 }, testContext());

/** Images of the split that training never sees, as floats in [0, 1]. */
async function drawn(count: number): Promise<{ pixels: tf.Tensor4D; labels: number[] }> {
  const plugin = datasets.find(({ name }) => name === 'drawn')!;
  const options = { split: 'test', count, size: 32, seed: 0, skip: 0, limit: 0, shuffle: false };
  const dataset = await plugin.open(options, testContext());
  const data = new Float32Array(count * 32 * 32 * 3);
  const labels: number[] = [];
  for await (const item of dataset.items()) {
    const image = await item.load();
    data.set(
      Float32Array.from(image.data, (value) => value / 255),
      labels.length * 32 * 32 * 3,
    );
    labels.push(item.label);
  }
  return { pixels: tf.tensor4d(data, [count, 32, 32, 3]), labels };
}

const SHAPES = smallCnnShapes();

describe('small_cnn', () => {
  let folder: string;
  beforeAll(async () => {
    await openBackend('wasm', { log: () => undefined, warn: () => undefined });
    folder = await mkdtemp(join(tmpdir(), 'shield-small-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('classifies drawn images that it was not trained on, as it declares', async () => {
    const model = await load('bundled');
    const { pixels, labels } = await drawn(1000);
    const classes = Array.from(tf.tidy(() => tf.argMax(model.logits(pixels), 1)).dataSync());
    const right = labels.filter((label, i) => label === classes[i]).length;
    expect(Math.abs(right / labels.length - smallCnn.accuracy!.top1)).toBeLessThan(0.01);
    tf.dispose(pixels);
    model.dispose();
  });

  it('is small, and its weights say where they come from', async () => {
    expect(Object.values(SHAPES).reduce((sum, shape) => sum + sizeOf(shape), 0)).toBeLessThan(100_000);
    expect((await stat(bundled)).size).toBeLessThan(1e6);
    const { metadata } = readSafetensors(new Uint8Array(await readFile(bundled)), 'bundled');
    expect(metadata).toMatchObject({ model: 'small_cnn', command: 'shield run configs/train-small.yaml' });
    expect(metadata['spec']).toMatch(/^[0-9a-f]+$/);
  });

  it('takes random weights from the named stream, and weights that were saved', async () => {
    const [one, same] = [await load('random'), await load('random')];
    expect(same.weightsDigest).toBe(one.weightsDigest);
    const path = join(folder, 'weights.safetensors');
    await saveWeights(one, path);
    const saved = await load(path);
    const probe = tf.randomUniform<tf.Rank.R4>([2, 32, 32, 3], 0, 1, 'float32', 1);
    const logits = (model: Model) => Array.from(tf.tidy(() => model.logits(probe)).dataSync());
    expect(logits(saved)).toEqual(logits(one));
    expect(logits(await load('bundled'))).not.toEqual(logits(one));
    expect(saved.weightsDigest).not.toBe(one.weightsDigest);
  });

  it('can be trained: every variable gets a gradient', async () => {
    const model = await load('random');
    const { pixels, labels } = await drawn(20);
    const variables = Object.values(model.training!.variables);
    expect(Object.keys(model.training!.variables)).toEqual(Object.keys(SHAPES));
    const loss = () => tf.mean<tf.Scalar>(tf.losses.softmaxCrossEntropy(tf.oneHot(labels, 10), model.logits(pixels)));
    const { grads } = tf.variableGrads(loss, variables);
    for (const gradient of Object.values(grads)) {
      expect(gradient.dataSync().some((value) => value !== 0)).toBe(true);
    }
    expect(Object.keys(grads)).toHaveLength(variables.length);
    tf.dispose([grads, pixels]);
    model.dispose();
  });

  it('leaves no tensor behind', async () => {
    const before = tf.memory().numTensors;
    const model = await load('bundled');
    const images = tf.zeros<tf.Rank.R4>([2, 32, 32, 3]);
    tf.dispose([model.logits(images), images]);
    model.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('refuses weights of another network, and a path that is none', async () => {
    const path = join(folder, 'other.safetensors');
    await writeFile(path, writeSafetensors(new Map([['conv1.filter', { shape: [1], data: Float32Array.of(1) }]])));
    await expect(load(path)).rejects.toMatchObject({
      code: 'WEIGHTS_INVALID',
      message: expect.stringContaining('conv1.filter has shape [1], not [3, 3, 3, 24]') as string,
    });
    await expect(load(join(folder, 'nothing'))).rejects.toMatchObject({ code: 'WEIGHTS_INVALID' });
  });
});
