import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { openBackend } from '@shield/core';
import { modelConformance } from '@shield/core/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import pythonModel from './python-model.js';
import { testContext } from './testing/load-context.js';
import { pythonForTests } from './testing/python-for-tests.js';

const python = pythonForTests();
const folder = mkdtempSync(join(tmpdir(), 'shield-python-'));
afterAll(() => rmSync(folder, { recursive: true }));
beforeAll(() => openBackend('cpu', { log: () => undefined, warn: () => undefined }));

const DEFAULTS = {
  function: 'load',
  arguments: {},
  size: 8,
  layout: 'nchw',
  range: [0, 1],
  mean: [0],
  std: [1],
  class_offset: 0,
  device: 'cpu',
  threads: 1,
  timeout_s: 60,
} as const;
type Options = Parameters<typeof pythonModel.load>[0];

let files = 0;
function file(source: string): string {
  const path = join(folder, `net${files++}.py`);
  writeFileSync(path, source);
  return path;
}

const load = (source: string, options: Partial<Options> = {}, context = testContext()) =>
  pythonModel.load({ ...DEFAULTS, python: python!, file: file(source), ...options }, context);

/** Three classes: the weighted means of red, green and blue, squared. */
const TORCH = `
import torch

class Means(torch.nn.Module):
    def __init__(self, weights):
        super().__init__()
        self.weights = torch.nn.Parameter(torch.tensor(weights))

    def forward(self, x):
        return (x.mean((2, 3)) * self.weights) ** 2

def load(first=1.0):
    print("printed by the file")
    return Means([first, 2.0, 3.0])
`;
const NUMPY = `
import numpy as np

class Means:
    digest = "of my own"
    def logits(self, x):
        return (x.mean((1, 2)) * np.array([1.0, 2.0, 3.0])) ** 2
    def vjp(self, x, dy):
        side = x.shape[1] * x.shape[2]
        each = 2 * x.mean((1, 2)) * np.array([1.0, 4.0, 9.0]) * dy / side
        return np.broadcast_to(each[:, None, None, :], x.shape)

def load():
    return Means()
`;

/** [n, 8, 8, 3], each image of one colour. */
const colours = (...all: readonly (readonly [number, number, number])[]) =>
  tf.concat(all.map((colour) => tf.tile(tf.tensor4d([...colour], [1, 1, 1, 3]), [1, 8, 8, 1])));

function expectClose(found: ArrayLike<number>, wanted: readonly number[]): void {
  expect(found).toHaveLength(wanted.length);
  for (const [i, value] of wanted.entries()) expect(found[i]).toBeCloseTo(value, 5);
}

describe.skipIf(!python)('a network in Python', () => {
  it.each([
    ['PyTorch', TORCH, {}],
    ['numpy, channels last', NUMPY, { layout: 'nhwc' }],
  ] as const)('gives its logits and its gradients: %s', async (_, source, options) => {
    const model = await load(source, options);
    expect([model.classes, model.inputSize, model.outside]).toEqual([3, { height: 8, width: 8 }, true]);
    const images = colours([0.5, 0.25, 1], [0, 1, 0.5]);
    expectClose(
      tf.tidy(() => model.logits(images).dataSync()),
      [0.25, 0.25, 9, 0, 4, 2.25],
    );
    const dy = tf.tensor2d([1, 0, 2, 0, 1, 0], [2, 3]);
    const gradient = tf.tidy(() => tf.grad((x) => tf.sum(tf.mul(model.logits(x as tf.Tensor4D), dy)))(images).arraySync()) as number[][][][]; // prettier-ignore
    // d(w·m)²/dpixel = 2·w²·m / 64
    expectClose(gradient[0]![3]![5]!, [1 / 64, 0, 36 / 64]);
    expectClose(gradient[1]![0]![7]!, [0, 8 / 64, 0]);
    model.dispose();
    expect(() => tf.tidy(() => model.logits(images))).toThrow(/ended/);
  });

  it('puts its own normalisation behind that of the options, and takes arguments', async () => {
    const model = await load(TORCH, { range: [0, 255], mean: [127.5], std: [127.5], arguments: { first: 4 } });
    expectClose(
      tf.tidy(() => model.logits(colours([0.75, 0.5, 1])).dataSync()),
      [4, 0, 9],
    );
    model.dispose();
  });

  it('goes back through more passes than it keeps', async () => {
    const model = await load(TORCH);
    const of = (x: tf.Tensor, draws: number) => {
      const each = Array.from({ length: draws }, (_, i) => tf.sum(model.logits(tf.mul<tf.Tensor4D>(x, 1 + i / 10))));
      return tf.addN(each);
    };
    const images = colours([0.5, 0.25, 1]);
    const scales = Array.from({ length: 20 }, (_, i) => (1 + i / 10) ** 2).reduce((sum, each) => sum + each);
    const gradient = tf.tidy(() =>
      tf
        .grad((x) => of(x, 20))(images)
        .dataSync(),
    );
    expectClose(
      gradient.slice(0, 3),
      [1, 2, 18].map((value) => (value * scales) / 64),
    );
    model.dispose();
  });

  it('is refused what has no gradients when one is asked for, and only then', async () => {
    const model = await load(NUMPY.replace('def vjp', 'def other'), { layout: 'nhwc' });
    const images = colours([0.5, 0.25, 1]);
    expectClose(
      tf.tidy(() => model.logits(images).dataSync()),
      [0.25, 0.25, 9],
    );
    const gradient = () => tf.tidy(() => tf.grad((x) => tf.sum(model.logits(x as tf.Tensor4D)))(images));
    expect(gradient).toThrow(expect.objectContaining({ code: 'MODEL_NO_GRADIENT' }) as Error);
    model.dispose();
  });

  it('is another one for the artifacts when its weights, its modules or its arguments are others', async () => {
    writeFileSync(join(folder, 'beside.py'), 'SCALE = 1.0\n');
    const digest = async (source: string, options: Partial<Options> = {}) => {
      const model = await load(source, options);
      model.dispose();
      return model.weightsDigest;
    };
    const path = { file: file(`import beside\n${TORCH}`) };
    const first = await digest('', path);
    expect(await digest('', path)).toBe(first);
    const others = [first, await digest('', { ...path, arguments: { first: 2 } }), await digest('', { ...path, mean: [0.5] })]; // prettier-ignore
    writeFileSync(join(folder, 'beside.py'), 'SCALE = 2.0\n');
    others.push(await digest('', path), await digest(TORCH));
    expect(new Set(others).size).toBe(others.length);
  });

  it.each([
    ['a fault of syntax', 'def load(:\n', {}, /net\d+\.py:1: SyntaxError/],
    ['no such function', 'def other():\n  pass\n', {}, /has no function load/],
    ['nothing', 'def load():\n  pass\n', {}, /load\(\) gives nothing/],
    ['something else', 'def load():\n  return 3\n', {}, /gives a int, not a torch\.nn\.Module/],
    ['a missing package', 'def load():\n  import no_such_package\n', {}, /net\d+\.py:2: ModuleNotFoundError/],
    ['an argument that it does not take', TORCH, { arguments: { second: 1 } }, /unexpected keyword argument 'second'/],
    ['an error in a pass', TORCH.replace('x.mean((2, 3))', 'x.mean((2, 9))'), {}, /net\d+\.py:10: IndexError/],
    ['an image for logits', TORCH.replace('x.mean((2, 3)) * self.weights', 'x'), {}, /have the shape \[2, 3, 8, 8\] for 2 images/], // prettier-ignore
    ['an end of its own', 'import os\nos.write(2, b"no more\\n")\nos._exit(3)\n', {}, /it ended \(code 3\): no more/],
    ['no end', 'import time\ntime.sleep(60)\n', { timeout_s: 1.5 }, /no answer within 1\.5 s/],
    ['no Python', '', { python: '/no/python' }, /ENOENT/],
  ] as const)('is refused with what is wrong and where: %s', async (_, source, options, message) => {
    const refused = load(source, options);
    await expect(refused).rejects.toMatchObject({
      code: 'PYTHON_MODEL',
      message: expect.stringMatching(message) as string,
    });
  });

  it('says so where memory is wanting, as any other part does', async () => {
    const source = TORCH.replace('return (x', 'torch.empty(2 ** 50)\n        return (x');
    await expect(load(source)).rejects.toMatchObject({ code: 'OUT_OF_MEMORY' });
  });

  it('names a file that is not there', async () => {
    const refused = load('', { file: join(folder, 'none.py') });
    await expect(refused).rejects.toMatchObject({ code: 'PYTHON_MODEL', fix: 'name a Python file that is there' });
  });

  const CONVOLUTIONS = `
import torch
from torch import nn

def load():
    torch.manual_seed(1)
    return nn.Sequential(nn.Conv2d(3, 6, 3), nn.Softplus(), nn.Conv2d(6, 8, 3), nn.Softplus(), nn.Flatten(), nn.Linear(128, 5))
`;
  const settings = { options: { file: 'net.py', size: 8 }, load: () => load(CONVOLUTIONS) };
  for (const { name, run } of modelConformance(pythonModel, settings)) it(`conforms: ${name}`, run);
});
