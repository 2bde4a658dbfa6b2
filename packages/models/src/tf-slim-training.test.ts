import * as tf from '@tensorflow/tfjs-core';
import { openBackend, rowMajorStrides, sizeOf, type Model, type TrainingPass, type WeightMap } from '@shield/core';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { inceptionV4 } from './inception-v4-network.js';
import resNet50 from './resnet-v2-50.js';
import { resNetV2 } from './resnet-v2.js';
import { uniformOf } from './testing/like-tf-slim.js';
import { testContext } from './testing/load-context.js';
import { withLoadedSlim } from './testing/slim-file.js';
import type { SlimNetwork } from './tf-slim-ops.js';
import { slimVariables } from './tf-slim-variables.js';
import { slimModel } from './tf-slim.js';

const quiet = { log: () => undefined, warn: () => undefined };
/** Half a minute of making weights alone. */
const FULL = process.env['SHIELD_TEST_FULL'] === '1';
const small = resNetV2('resnet_v2_50', [1, 2, 1, 1]);
/** A convolution with batch norm and the classifier behind its dropout. */
const tiny: SlimNetwork = {
  scope: 'Tiny',
  gamma: false,
  epsilon: 1e-3,
  dropout: 0.2,
  forward: (ops, x) =>
    ops.logits(
      ops.globalPool(ops.convolution(x, 'Conv2d', 8, [3, 3], { stride: 2, padding: 'valid' })),
      'Logits',
      'matrix',
    ),
};
const CLASSES = 4;
const batch = (momentum: number): TrainingPass => ({ batchStatistics: { momentum }, dropout: (x) => x });

/** Numbers in [0, 1] by name and place. */
const unit = (name: string) => {
  const draw = uniformOf(name);
  return (i: number) => (draw(i) + 1) / 2;
};

/** Weights with which values neither vanish nor explode. */
function weightsOf(network: SlimNetwork): WeightMap {
  return new Map(
    [...slimVariables(network, CLASSES)].map(([name, shape]) => {
      const draw = unit(name);
      const bound = Math.sqrt(6 / sizeOf(shape.slice(0, -1)));
      const value = (u: number) =>
        shape.length > 1 ? bound * (2 * u - 1) : /gamma|variance/.test(name) ? 0.5 + u : 0.2 * u - 0.1;
      const data = Float32Array.from({ length: sizeOf(shape) }, (_, i) => value(draw(i)));
      return [name, { shape, strides: rowMajorStrides(shape), data }];
    }),
  );
}

function images(n: number, size: number): tf.Tensor4D {
  const draw = unit('images');
  return tf.tensor4d(
    Float32Array.from({ length: n * size * size * 3 }, (_, i) => draw(i)),
    [n, size, size, 3],
  );
}

describe('trainable networks of tf-slim', () => {
  const models: Model[] = [];
  const make = (network: SlimNetwork, size: number, training: boolean) => {
    const model = slimModel(network, { weights: weightsOf(network), weightsDigest: '', path: '', size, training });
    models.push(model);
    return model;
  };
  beforeAll(async () => {
    await openBackend('node', { ...quiet, allowSetup: false }).catch(() => openBackend('wasm', quiet));
  });
  afterEach(() => models.splice(0).forEach((model) => model.dispose()));

  it.each([
    ['a tiny one', tiny, 20],
    ['ResNet-v2', small, 64],
    ['Inception-v4', inceptionV4, 80],
  ] as const)('%s is the folded network where batch norms keep their averages', (name, network, size) => {
    if (name === 'Inception-v4' && !FULL) return;
    const x = images(2, size);
    const expected = Array.from(make(network, size, false).logits(x).dataSync());
    const seen = make(network, size, true).logits(x).dataSync();
    const scale = Math.max(...expected.map(Math.abs));
    seen.forEach((value, i) => expect(Math.abs(value - expected[i]!)).toBeLessThan(1e-4 * scale));
    x.dispose();
  });

  it('gradients with batch statistics are those of finite differences, for every kind of variable', () => {
    const model = make(small, 64, true);
    const { variables, logits } = model.training!;
    const x = images(6, 64);
    const labels = tf.oneHot(tf.range(0, 6, 1, 'int32'), CLASSES);
    const loss = () =>
      tf.neg<tf.Scalar>(tf.mean<tf.Scalar>(tf.sum(tf.mul(tf.logSoftmax(logits(x, batch(1))), labels), 1)));
    const trained = Object.entries(variables).filter(([, { trainable }]) => trainable);
    const { grads, value } = tf.variableGrads(
      loss,
      trained.map(([, variable]) => variable),
    );
    expect(Object.keys(grads)).toHaveLength(trained.length);
    const kinds = [/conv1\/weights/, /logits\/biases/, /block2.*BatchNorm\/gamma/, /preact\/beta/, /logits\/weights/];
    for (const kind of kinds) {
      const [, variable] = trained.find(([name]) => kind.test(name))!;
      const gradient = grads[variable.name]!;
      const norm = tf.norm(gradient).dataSync()[0]!;
      const at = (step: number) =>
        tf.tidy(() => {
          const before = tf.clone(variable as tf.Tensor);
          variable.assign(tf.add(variable as tf.Tensor, tf.mul(gradient, step / norm)));
          const seen = loss().dataSync()[0]!;
          variable.assign(before);
          return seen;
        });
      const step = 0.003;
      expect((at(step) - at(-step)) / (2 * step) / norm).toBeCloseTo(1, 1);
    }
    tf.dispose([grads, value, x, labels]);
  });

  it('averages move towards the statistics of the batch, by what momentum leaves', () => {
    const model = make(tiny, 20, true);
    const scope = 'Tiny/Conv2d';
    const { variables, logits } = model.training!;
    const [mean, variance] = ['mean', 'variance'].map((leaf) => variables[`${scope}/BatchNorm/moving_${leaf}`]!);
    const before = [Array.from(mean!.dataSync()), Array.from(variance!.dataSync())];
    const x = images(3, 20);
    tf.tidy(() => {
      const filter = variables[`${scope}/weights`] as unknown as tf.Tensor4D;
      const y = tf.conv2d(tf.sub<tf.Tensor4D>(tf.mul(x, 2), 1), filter, 2, 'valid');
      const moments = tf.moments(y, [0, 1, 2]);
      const count = y.size / y.shape[3];
      const batchMean = moments.mean.dataSync();
      const batchVariance = tf.mul(moments.variance, count / (count - 1)).dataSync();
      logits(x, batch(0.75));
      mean!
        .dataSync()
        .forEach((value, i) => expect(value).toBeCloseTo(0.75 * before[0]![i]! + 0.25 * batchMean[i]!, 4));
      variance!
        .dataSync()
        .forEach((value, i) => expect(value).toBeCloseTo(0.75 * before[1]![i]! + 0.25 * batchVariance[i]!, 4));
    });
    x.dispose();
  });

  it('dropout stands before the classifier: a fifth in Inception-v4, none in ResNet-v2', () => {
    const rates = (network: SlimNetwork, size: number) => {
      const seen: number[] = [];
      tf.tidy(() => {
        make(network, size, true).training!.logits(images(1, size), {
          batchStatistics: undefined,
          dropout: (x, rate) => {
            seen.push(rate);
            return x;
          },
        });
      });
      return seen;
    };
    expect([rates(tiny, 20), rates(small, 64)]).toEqual([[0.2], [0]]);
    expect([inceptionV4.dropout, small.dropout]).toEqual([0.2, 0]);
  });

  it('leaves no tensor behind', () => {
    const before = tf.memory().numTensors;
    const model = make(small, 64, true);
    const x = images(2, 64);
    tf.dispose([model.logits(x), model.training!.logits(x, batch(0.9)), x]);
    models.pop()!.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });
});

it('the plugins are trainable when asked, with a new classifier', async () => {
  const network = resNetV2('resnet_v2_50', [3, 4, 6, 3]);
  await withLoadedSlim(resNet50, network, 3, async (model, _, path) => {
    expect(model.training).toBeUndefined();
    const options = { weights: path, classes: 5 };
    const trainable = await resNet50.load(options, { ...testContext(), training: true });
    expect([trainable.classes, trainable.labelOffset]).toEqual([5, 0]);
    expect(trainable.training!.head).toEqual(['resnet_v2_50/logits/weights', 'resnet_v2_50/logits/biases']);
    expect(trainable.training!.variables['resnet_v2_50/logits/weights']!.shape).toEqual([1, 1, 2048, 5]);
    trainable.dispose();
    await expect(resNet50.load(options, testContext())).rejects.toThrow(/3 classes apart, not 5/);
  });
});
