import { fileURLToPath } from 'node:url';
import { modelConformance, nativeForTests } from '@shield/core/testing';
import { describe, it } from 'vitest';
import graphModel from './graph-model.js';
import smallCnn from './small-cnn.js';
import { testContext } from './testing/load-context.js';

const native = await nativeForTests();
const graph = fileURLToPath(new URL('../fixtures/graph-model', import.meta.url));

const graphOptions = { size: 0, range: [0, 1], mean: [0], std: [1], class_offset: 0, input: '', output: '' };
const MODELS = [
  { plugin: smallCnn, options: {}, load: () => smallCnn.load({ weights: 'bundled', classes: 0 }, testContext()) },
  {
    plugin: graphModel,
    options: { path: graph },
    load: () => graphModel.load({ ...graphOptions, path: graph }, testContext()),
  },
] as const;

describe.each(['wasm', 'node'] as const)('on %s', (backend) => {
  describe.skipIf(backend === 'node' && !native)('models', () => {
    for (const { plugin, options, load } of MODELS) {
      describe(plugin.name, () => {
        for (const { name, run } of modelConformance(plugin, { load, options, backend }))
          it(name, { timeout: 120_000 }, run);
      });
    }
  });
});
