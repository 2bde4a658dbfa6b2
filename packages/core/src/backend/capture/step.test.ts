import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../../random/random.js';
import { nativeForTests } from '../../testing/native-for-tests.js';
import type { Backend } from '../backend.js';
import type { NativeKernelBackend } from '../native/kernel-backend.js';
import { openBackend } from '../open-backend.js';

const quiet = { threads: 1, log: () => undefined, warn: () => undefined };
const native = await nativeForTests();

function values(name: string, size: number): Float32Array {
  const random = new Random('step.test', name);
  return Float32Array.from({ length: size }, () => 2 * random.uniform() - 1);
}

/** One layer, a running mean of its output, and gradient descent with a rate that is an input. */
function regression() {
  const kernel = tf.tidy(() => tf.variable(tf.tensor2d(values('kernel', 6), [3, 2])));
  const mean = tf.tidy(() => tf.variable(tf.zeros<tf.Rank.R1>([2]), false));
  const untouched = tf.tidy(() => tf.variable(tf.scalar(7), false));
  const step = (x: tf.Tensor, target: tf.Tensor, rate: tf.Tensor): [tf.Tensor] => {
    const { value, grads } = tf.variableGrads(() => {
      const y = tf.matMul(x as tf.Tensor2D, kernel as unknown as tf.Tensor2D);
      mean.assign(tf.add(tf.mul(mean, 0.9), tf.mul(tf.mean(y, 0), 0.1)));
      return tf.add<tf.Scalar>(tf.mean(tf.square(tf.sub(y, target))), tf.mul(untouched, 0));
    }, [kernel]);
    kernel.assign(tf.sub(kernel, tf.mul(grads[kernel.name]!, rate)));
    return [value];
  };
  return { kernel, mean, untouched, state: [kernel, mean, untouched], step };
}

function inputs(n: number, name: string, rate: number): [tf.Tensor, tf.Tensor, tf.Tensor] {
  const [x, y] = [values(`x${name}`, 3 * n), values(`y${name}`, 2 * n)];
  return [tf.tensor2d(x, [n, 3]), tf.tensor2d(y, [n, 2]), tf.scalar(rate)];
}

describe.each([['cpu'], ['node']] as const)('captured steps on %s', (name) => {
  let backend: Backend;
  beforeAll(async () => {
    if (name !== 'node' || native) backend = await openBackend(name, quiet);
  });
  const runs = it.skipIf(name === 'node' && !native);

  runs('change the variables as the step does op by op, whatever the shapes and rates of the calls', () => {
    const [one, two] = [regression(), regression()];
    const captured = backend.captureStep(one.state, one.step);
    for (const [i, rate] of [0.1, 0.2, 0.1, 0.05].entries()) {
      const given = inputs(i % 2 === 0 ? 4 : 5, String(i), rate);
      const [loss] = captured(...given);
      const [expected] = tf.tidy(() => two.step(...given));
      expect(loss.dataSync()[0]).toBeCloseTo(expected.dataSync()[0]!, 5);
      for (const key of ['kernel', 'mean', 'untouched'] as const) {
        const [a, b] = [one[key].dataSync(), two[key].dataSync()];
        a.forEach((value, k) => expect(value).toBeCloseTo(b[k]!, 5));
      }
      tf.dispose([given, loss, expected]);
    }
    captured.dispose();
    tf.dispose([one.state, two.state]);
  });

  runs('leak no tensor and no graph', () => {
    const { state, step } = regression();
    const given = inputs(4, 'leak', 0.1);
    const captured = backend.captureStep(state, step);
    captured(...given)[0].dispose();
    const binding = name === 'node' ? (tf.backend() as NativeKernelBackend).binding : undefined;
    const counts = () => [tf.memory().numTensors, binding?.getNumOfTensors()];
    const before = counts();
    for (let i = 0; i < 3; i++) captured(...given)[0].dispose();
    expect(counts()).toEqual(before);
    const graphs = binding?.getNumOfSavedModels();
    captured.dispose();
    expect(binding?.getNumOfSavedModels()).toBe(graphs === undefined ? undefined : graphs - 1);
    tf.dispose([state, given]);
  });

  runs('take values that were put into the variables between two calls', () => {
    const { kernel, state, step } = regression();
    const captured = backend.captureStep(state, step);
    const given = inputs(4, 'put', 0);
    const first = captured(...given)[0].dataSync()[0];
    tf.tidy(() => kernel.assign(tf.zeros([3, 2])));
    const zeroed = captured(...given)[0].dataSync()[0];
    expect(zeroed).toBeCloseTo(
      tf.tidy(() => tf.mean(tf.square(given[1])).dataSync()[0]!),
      5,
    );
    expect(zeroed).not.toBeCloseTo(first!, 5);
    captured.dispose();
    tf.dispose([state, given]);
  });

  runs('that read values back run op by op, with the same effect', () => {
    const { kernel, state, step } = regression();
    const reading = (x: tf.Tensor, y: tf.Tensor, rate: tf.Tensor): [tf.Tensor] => {
      x.dataSync();
      return step(x, y, rate);
    };
    const captured = backend.captureStep(state, reading);
    const before = Array.from(kernel.dataSync());
    const given = inputs(4, 'read', 0.1);
    captured(...given)[0].dispose();
    expect(Array.from(kernel.dataSync())).not.toEqual(before);
    captured.dispose();
    tf.dispose([state, given]);
  });
});
