import * as tf from '@tensorflow/tfjs-core';
import { openBackend, type WeightMap } from '@shield/core';
import { beforeAll, expect, it } from 'vitest';
import type { SlimNetwork } from '../tf-slim-ops.js';
import { slimVariables } from '../tf-slim-variables.js';
import { slimModel } from '../tf-slim.js';
import {
  expectEndPoint,
  expectGradient,
  expectLogits,
  formulaWeights,
  slimFixture,
  slimInput,
} from './like-tf-slim.js';

/** Half a minute a pass on WebAssembly. */
const FULL = process.env['SHIELD_TEST_FULL'] === '1';

/** Holds a network to what TensorFlow's tf-slim computes with the same weights. */
export function describeLikeTfSlim(network: SlimNetwork, fixtureName: string): void {
  const fixture = slimFixture(fixtureName);
  const shapes = slimVariables(network, 1001);
  let weights: WeightMap;
  beforeAll(() => void (weights = formulaWeights(shapes, fixture)));

  it('has the variables that TensorFlow saves', () => {
    // The auxiliary classifier of Inception serves training only.
    const saved = Object.entries(fixture.variables).filter(([name]) => !name.includes('/AuxLogits/'));
    expect(Object.fromEntries(shapes)).toEqual(Object.fromEntries(saved.map(([name, [shape]]) => [name, shape])));
  });

  it('names what is missing or has another shape, and leaves no tensor behind', async () => {
    await openBackend('cpu', { log: () => undefined, warn: () => undefined });
    const [first, second] = [...shapes.keys()];
    const before = tf.memory().numTensors;
    const load = (damaged: WeightMap) => () =>
      slimModel(network, { weights: damaged, weightsDigest: '', path: 'a.ckpt' });
    const missing = new Map(weights);
    missing.delete(first!);
    expect(load(missing)).toThrow(`a.ckpt cannot be used: 1 of ${shapes.size} variables are missing: ${first}`);
    const misshaped = new Map(missing).set(first!, weights.get(first!)!);
    misshaped.set(second!, { ...weights.get(second!)!, shape: [5, 7] });
    expect(load(misshaped)).toThrow(`${second} has shape [5, 7], not [`);
    expect(load(new Map())).toThrow(/variables are missing: .* and \d+ more/);
    expect(tf.memory().numTensors).toBe(before);
  });

  const cases = (['node', 'wasm'] as const).flatMap((backend) =>
    fixture.inputs.map((recorded) => ({ backend, name: recorded.name, recorded })),
  );
  for (const { backend, name, recorded } of cases) {
    it(
      `on ${backend}, gives the logits, end points and gradient of tf-slim: ${name}`,
      { timeout: 300_000 },
      async (context) => {
        if (backend === 'wasm' && !FULL) context.skip('slow on WebAssembly: npm run test:full');
        try {
          await openBackend(backend, { log: () => undefined, warn: () => undefined, allowSetup: false });
        } catch (error) {
          context.skip(`no backend: ${String(error)}`);
        }
        const images = (await slimInput(recorded)) ?? context.skip('the photo is not there');
        const seen = new Set<string>();
        const onEndPoint = (point: string, value: tf.Tensor) => {
          if (expectEndPoint(recorded, point, value)) seen.add(point);
        };
        const before = tf.memory().numTensors;
        const model = slimModel(network, { weights, weightsDigest: '', path: '', onEndPoint });
        expect([model.classes, model.labelOffset, model.inputSize]).toEqual([1001, 1, { height: 299, width: 299 }]);
        const logits = model.logits(images);
        expectLogits(recorded, logits);
        expect([...seen]).toEqual(
          recorded.end_points.map((point) => point.name).filter((each) => each !== 'AuxLogits'),
        );
        expectGradient(recorded, model, images);
        logits.dispose();
        model.dispose();
        expect(tf.memory().numTensors).toBe(before);
        images.dispose();
      },
    );
  }
}
