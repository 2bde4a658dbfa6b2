import { readFileSync } from 'node:fs';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs-core';
import { openBackend, type Model } from '@shield/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import graphModel from './graph-model.js';
import { node, placeholder, writeGraphModel, type ConstantJson, type NodeJson } from './testing/graph-files.js';
import { testContext } from './testing/load-context.js';

const FIXTURE = fileURLToPath(new URL('../fixtures/graph-model', import.meta.url));
/** What TensorFlow computes with it: bench/record/graph_model.py. */
const recorded = JSON.parse(readFileSync(join(FIXTURE, 'recorded.json'), 'utf8')) as {
  logits: number[][];
  gradient: { l2: number[]; row12: number[][] };
};
const SIZE = 24;
const DEFAULTS = { size: 0, range: [0, 1], mean: [0], std: [1], class_offset: 0, input: '', output: '' };
const quiet = { log: () => undefined, warn: () => undefined };

interface Native {
  readonly binding: { getNumOfSavedModels(): number };
}

let folder: string;
let count = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'shield-graph-'));
  await openBackend('cpu', quiet);
});
afterAll(() => rm(folder, { recursive: true }));

const load = (path: string, options: Partial<typeof DEFAULTS> = {}, context = testContext()) =>
  graphModel.load({ ...DEFAULTS, path, ...options }, context);

async function made(
  nodes: readonly NodeJson[],
  constants?: Record<string, ConstantJson>,
  more?: Record<string, unknown>,
): Promise<string> {
  return writeGraphModel(join(folder, String(count++)), nodes, constants, more);
}

/** As the recording's: the fractional parts of k times the golden ratio. */
function images(): tf.Tensor4D {
  const value = (k: number) => (k * 0.6180339887498949) % 1;
  return tf.tensor4d(
    Float32Array.from({ length: 3 * SIZE * SIZE * 3 }, (_, k) => value(k)),
    [3, SIZE, SIZE, 3],
  );
}

const crossEntropy = (model: Pick<Model, 'logits'>) => (x: tf.Tensor) => {
  const labels = tf.oneHot(tf.tensor1d([1, 2, 3], 'int32'), 10);
  return tf.neg<tf.Scalar>(tf.sum<tf.Scalar>(tf.mul(tf.logSoftmax(model.logits(x as tf.Tensor4D)), labels)));
};

/** Two classes from the means of red and green, through what stands between. */
const means = (...between: NodeJson[]): NodeJson[] => [
  placeholder([-1, 4, 4, 3]),
  ...between,
  node('means', 'Mean', [between.at(-1)?.name ?? 'images', 'axes'], { keep_dims: { b: false }, Tidx: { type: 'DT_INT32' } }), // prettier-ignore
  node('logits', 'MatMul', ['means', 'kernel'], { transpose_a: { b: false }, transpose_b: { b: false } }),
];
const CONSTANTS: Record<string, ConstantJson> = {
  axes: { shape: [2], values: [1, 2], dtype: 'int32' },
  kernel: { shape: [3, 2], values: [1, 0, 0, 1, 0, 0] },
};
const grey = (values: readonly number[]) => tf.tile(tf.tensor4d([...values], [1, 1, 1, 3]), [1, 4, 4, 1]);
const logitsOf = (model: Model, pixel: readonly number[]) => Array.from(tf.tidy(() => model.logits(grey(pixel)).dataSync())); // prettier-ignore

describe.each(['node', 'wasm', 'cpu'] as const)('a network that TensorFlow exported, on %s', (name) => {
  it('gives the logits and gradients that TensorFlow computes, and leaves no tensor behind', async (context) => {
    const backend = await openBackend(name, { ...quiet, allowSetup: false }).catch(() => undefined);
    if (!backend) return context.skip(`${name} is not there`);
    const x = images();
    const before = tf.memory().numTensors;
    const said = testContext();
    const model = await load(FIXTURE, { range: [-1, 1], class_offset: 1 }, said);
    expect([model.classes, model.labelOffset, model.inputSize]).toEqual([10, 1, { height: SIZE, width: SIZE }]);
    expect(said.said).toEqual([expect.stringContaining('the logits are what goes into it')]);
    expect(said.files.size).toBe(3);
    tf.tidy(() => {
      const rows = model.logits(x).arraySync();
      rows.forEach((row, i) => row.forEach((each, k) => expect(each).toBeCloseTo(recorded.logits[i]![k]!, 4)));
      const gradient = tf.grad(crossEntropy(model))(x) as tf.Tensor4D;
      // Recorded towards what the normalisation takes, [0, 1], too.
      const norms = tf.sqrt(tf.sum(tf.square(gradient), [1, 2, 3])).arraySync() as number[];
      norms.forEach((norm, i) => expect(Math.abs(norm / recorded.gradient.l2[i]! - 1)).toBeLessThan(1e-3));
      const row = tf.slice(gradient, [0, 12, 12, 0], [3, 1, 1, 3]).reshape([3, 3]).arraySync() as number[][];
      row.forEach((pixel, i) => pixel.forEach((each, k) => expect(each).toBeCloseTo(recorded.gradient.row12[i]![k]!, 4))); // prettier-ignore
    });
    if (backend.captures) {
      const graphs = (tf.backend() as unknown as Native).binding.getNumOfSavedModels();
      const graph = backend.capture((input: tf.Tensor4D) => [tf.grad(crossEntropy(model))(input) as tf.Tensor4D], {
        buckets: [3],
      });
      tf.tidy(() => {
        const [captured] = graph(x);
        const eager = tf.grad(crossEntropy(model))(x);
        expect(tf.max(tf.abs(tf.sub(captured!, eager))).dataSync()[0]).toBeLessThan(1e-5);
      });
      expect((tf.backend() as unknown as Native).binding.getNumOfSavedModels()).toBe(graphs + 1);
      graph.dispose();
    }
    model.dispose();
    expect(tf.memory().numTensors).toBe(before);
    x.dispose();
    await openBackend('cpu', quiet);
  });
});

describe('options of graph_model', () => {
  it('range, mean and std say what the network takes', async () => {
    const path = await made(means(), CONSTANTS);
    const seen = async (options: Partial<typeof DEFAULTS>) => {
      const model = await load(path, options);
      const logits = logitsOf(model, [0.25, 0.75, 0.5]);
      model.dispose();
      return logits;
    };
    expect(await seen({})).toEqual([0.25, 0.75]);
    expect(await seen({ range: [-1, 1] })).toEqual([-0.5, 0.5]);
    expect(await seen({ range: [0, 255] })).toEqual([63.75, 191.25]);
    expect(await seen({ mean: [0.25, 0.5, 0], std: [0.5, 0.25, 1] })).toEqual([0, 1]);
    expect(await seen({ range: [0, 255], mean: [127.5], std: [127.5] })).toEqual([-0.5, 0.5]);
  });

  it('size stands for a height and width that the graph leaves open', async () => {
    const [first, ...rest] = means();
    const open = await made([placeholder([-1, -1, -1, 3]), ...rest], CONSTANTS);
    const model = await load(open, { size: 6 });
    expect(model.inputSize).toEqual({ height: 6, width: 6 });
    model.dispose();
    await expect(load(open)).rejects.toThrow(/may have any height/);
    await expect(load(await made([first!, ...rest], CONSTANTS), { size: 6 })).rejects.toThrow(/a height of 4 pixels, not 6/); // prettier-ignore
  });

  it('input and output name nodes where there are several', async () => {
    const other: NodeJson = { ...placeholder([-1, 4, 4, 3]), name: 'other' };
    const more = node('twice', 'AddV2', ['logits', 'logits']);
    const extra = node('beside', 'Neg', ['logits']);
    const path = await made([...means(), other, more, extra], CONSTANTS);
    await expect(load(path)).rejects.toThrow(/2 inputs/);
    await expect(load(path, { input: 'images' })).rejects.toMatchObject({
      message: expect.stringContaining('3 outputs') as string,
      fix: expect.stringContaining('other, twice, beside') as string,
    });
    await expect(load(path, { input: 'imgs', output: 'twice' })).rejects.toThrow(/no input "imgs"/);
    await expect(load(path, { input: 'images', output: 'thrice' })).rejects.toThrow(/no node "thrice"/);
    await expect(load(path, { input: 'other', output: 'twice' })).rejects.toThrow(
      /nothing leads from its input "other"/,
    );
    const model = await load(path, { input: 'images', output: 'twice' });
    expect(logitsOf(model, [0.25, 0.5, 0])).toEqual([0.5, 1]);
    model.dispose();
  });

  it('a softmax that is asked for by name is given as it is', async () => {
    const path = await made([...means(), node('softmax', 'Softmax', ['logits']), node('out', 'Identity', ['softmax'])], CONSTANTS); // prettier-ignore
    const [plain, asked] = [await load(path), await load(path, { output: 'out' })];
    expect(logitsOf(plain, [0.25, 0.25, 0])).toEqual([0.25, 0.25]);
    expect(logitsOf(asked, [0.25, 0.25, 0])).toEqual([0.5, 0.5]);
    plain.dispose();
    asked.dispose();
  });
});

describe('graphs with a will of their own', () => {
  it('made for a fixed number of images are given so many at a time', async () => {
    const [, ...rest] = means();
    for (const batch of [1, 2]) {
      const model = await load(await made([placeholder([batch, 4, 4, 3]), ...rest], CONSTANTS));
      const before = tf.memory().numTensors;
      tf.tidy(() => {
        const x = tf.concat([grey([0.25, 0.5, 0]), grey([0.5, 0.25, 0]), grey([1, 0, 0])], 0);
        expect(model.logits(x as tf.Tensor4D).arraySync()).toEqual([[0.25, 0.5], [0.5, 0.25], [1, 0]]); // prettier-ignore
        const gradient = tf.grad((y) => tf.sum(model.logits(y as tf.Tensor4D)))(x);
        expect(Array.from(gradient.dataSync())).toEqual(Array.from({ length: 144 }, (_, i) => (i % 3 < 2 ? 1 / 16 : 0))); // prettier-ignore
      });
      expect(tf.memory().numTensors).toBe(before);
      model.dispose();
    }
  });

  it('that stand still while their input moves are told by the op', async () => {
    const context = testContext();
    const model = await load(await made(means(node('steps', 'Round', ['images'])), CONSTANTS), {}, context);
    expect(context.said.join()).toMatch(/has no gradient: it is zero behind Round \(node "steps"\)/);
    expect(logitsOf(model, [0.75, 0.25, 0])).toEqual([1, 0]);
    model.dispose();
  });

  it('without a gradient serve what needs none; a gradient is refused by the name of op and node', async () => {
    const context = testContext();
    const path = await made(
      means(
        node('before', 'Relu', ['images']),
        node('sorted', 'Cumprod', ['before', 'axis'], { exclusive: { b: false }, reverse: { b: false } }),
        node('after', 'Relu', ['sorted']),
      ),
      { ...CONSTANTS, axis: { shape: [], values: [3], dtype: 'int32' } },
    );
    const model = await load(path, {}, context);
    expect(context.said.join()).toContain('the op Cumprod (node "sorted") has none');
    expect(logitsOf(model, [0.5, 0.5, 0])).toEqual([0.5, 0.25]);
    const before = tf.memory().numTensors;
    expect(() => tf.tidy(() => tf.grad((x) => tf.sum(model.logits(x as tf.Tensor4D)))(grey([0.5, 0.5, 0])))).toThrow(
      expect.objectContaining({ code: 'MODEL_NO_GRADIENT', message: expect.stringContaining('Cumprod') as string }),
    );
    expect(tf.memory().numTensors).toBe(before);
    model.dispose();
  });

  it('with loops, tables or functions are refused by name', async () => {
    const where = [...means(), node('where', 'Where', ['logits']), node('picked', 'Cast', ['where'], { SrcT: { type: 'DT_INT32' }, DstT: { type: 'DT_FLOAT' } })]; // prettier-ignore
    await expect(load(await made(where, CONSTANTS), { output: 'picked' })).rejects.toThrow(/the op Where \(node "where"\) decides while it runs/); // prettier-ignore
    const circle = [...means(node('a', 'AddV2', ['images', 'b']), node('b', 'Relu', ['a']))];
    await expect(load(await made(circle, CONSTANTS))).rejects.toThrow(/goes in a circle/);
    const tables = { modelInitializer: { node: [{ name: 'table', op: 'HashTableV2' }] } };
    await expect(load(await made(means(), CONSTANTS, tables))).rejects.toThrow(/tables to initialise/);
    await expect(load(await made(means(node('odd', 'NoSuchOp', ['images'])), CONSTANTS))).rejects.toThrow(/the op NoSuchOp is not one/); // prettier-ignore
  });

  it('that do not take images or give logits say what they have', async () => {
    const [, ...rest] = means();
    await expect(load(await made([placeholder([-1, 3, 4, 4]), ...rest], CONSTANTS))).rejects.toThrow(/has shape \[\?, 3, 4, 4\]/); // prettier-ignore
    await expect(load(await made([placeholder([-1, 4, 4, 3], 'DT_UINT8'), ...rest], CONSTANTS))).rejects.toThrow(/takes DT_UINT8, not floats/); // prettier-ignore
    await expect(load(await made(means(), CONSTANTS), { output: 'images' })).rejects.toThrow(/of shape \[1, 4, 4, 3\], not logits/); // prettier-ignore
  });
});

describe('files of a graph model', () => {
  it('shards must hold exactly what model.json says', async () => {
    const path = await made(means(), CONSTANTS);
    const shard = join(dirname(path), 'group1-shard1of1.bin');
    const bytes = await readFile(shard);
    await writeFile(shard, bytes.subarray(0, -1));
    await expect(load(path)).rejects.toThrow(/group1-shard1of1.bin cannot be used: it ends 1 bytes before/);
    await writeFile(shard, Buffer.concat([bytes, Buffer.of(0)]));
    await expect(load(path)).rejects.toThrow(/the variables end at byte 32 of its 33/);
    await rm(shard);
    await expect(load(path)).rejects.toThrow(/group1-shard1of1.bin cannot be used/);
  });

  it.each(['../weights.bin', '/etc/hostname', 'a/../../b', 'file:///etc/hostname', 'https://example.org/w.bin'])(
    'the shard %s is not read',
    async (name) => {
      const manifest = { weightsManifest: [{ paths: [name], weights: [] }] };
      await expect(load(await made(means(), CONSTANTS, manifest))).rejects.toThrow(/leaves its folder/);
    },
  );

  it('quantized variables are read as the converter writes them', async () => {
    const { kernel, ...axes } = CONSTANTS;
    const path = await made(means(), { ...axes, kernel: kernel! });
    const model = JSON.parse(await readFile(path, 'utf8')) as { weightsManifest: { weights: Record<string, unknown>[] }[] }; // prettier-ignore
    model.weightsManifest[0]!.weights[1]!['quantization'] = { dtype: 'uint8', scale: 0.5, min: -1 };
    await writeFile(path, JSON.stringify(model));
    const shard = join(dirname(path), 'group1-shard1of1.bin');
    await writeFile(shard, Buffer.concat([(await readFile(shard)).subarray(0, 8), Buffer.of(6, 2, 2, 4, 2, 2)]));
    const loaded = await load(path);
    expect(logitsOf(loaded, [0.25, 0.5, 0])).toEqual([0.5, 0.5]);
    loaded.dispose();
  });

  it('a path may be that of the folder; digests follow the bytes', async () => {
    const path = await made(means(), CONSTANTS);
    const [file, same] = [await load(path), await load(dirname(path))];
    expect(same.weightsDigest).toBe(file.weightsDigest);
    const shard = join(dirname(path), 'group1-shard1of1.bin');
    const bytes = await readFile(shard);
    bytes[11]! ^= 1;
    await writeFile(shard, bytes);
    const other = await load(path);
    expect(other.weightsDigest).not.toBe(file.weightsDigest);
    for (const each of [file, same, other]) each.dispose();
  });

  it('another file is told by what it is', async () => {
    const at = join(folder, 'odd.json');
    await writeFile(at, '{"format": "layers-model"}');
    await expect(load(at)).rejects.toMatchObject({ message: expect.stringContaining('layers model') as string, fix: expect.stringContaining('tensorflowjs_converter') as string }); // prettier-ignore
    await writeFile(at, '{"a": [1, 2}');
    await expect(load(at)).rejects.toThrow(/odd.json cannot be used: it is not JSON from byte 11 on/);
    await copyFile(join(FIXTURE, 'group1-shard1of2.bin'), at);
    await expect(load(at)).rejects.toThrow(/not UTF-8|from byte/);
    await expect(load(join(folder, 'none'))).rejects.toThrow(/none cannot be used/);
  });
});
