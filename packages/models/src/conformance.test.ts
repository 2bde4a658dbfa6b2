import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { toFloat32, writeSafetensors, type ModelPlugin, type WeightMap } from '@shield/core';
import { modelConformance, nativeForTests } from '@shield/core/testing';
import { afterAll, describe, it } from 'vitest';
import lite0 from './efficientnet-lite0.js';
import lite1 from './efficientnet-lite1.js';
import lite2 from './efficientnet-lite2.js';
import graphModel from './graph-model.js';
import { inceptionV4 } from './inception-v4-network.js';
import inceptionV4Plugin from './inception-v4.js';
import resNetV250 from './resnet-v2-50.js';
import { resNetV2 } from './resnet-v2.js';
import smallCnn from './small-cnn.js';
import { formulaWeights, slimFixture } from './testing/like-tf-slim.js';
import { testContext } from './testing/load-context.js';
import { madeUpLite } from './testing/made-up-lite.js';
import { slimVariables } from './tf-slim-variables.js';

const native = await nativeForTests();
const graph = fileURLToPath(new URL('../fixtures/graph-model', import.meta.url));

const graphOptions = { size: 0, range: [0, 1], mean: [0], std: [1], class_offset: 0, input: '', output: '' };

/** Networks of 299 px take minutes, and the larger ones of a family are the same code. */
const FULL = process.env['SHIELD_TEST_FULL'] === '1';
const folder = mkdtempSync(join(tmpdir(), 'shield-conformance-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Loads a plugin from a file of these weights, as a run does; the file is written when it is first asked for. */
function fromFile(plugin: ModelPlugin, options: Readonly<Record<string, unknown>>, made: () => WeightMap) {
  const path = join(folder, `${plugin.name}.safetensors`);
  let written = false;
  const load = () => {
    if (!written) {
      const tensors = [...made()].map(([name, each]) => [name, { shape: each.shape, data: toFloat32(each) }] as const);
      writeFileSync(path, writeSafetensors(new Map(tensors)));
      written = true;
    }
    return plugin.load({ weights: path, classes: 0, ...options }, testContext());
  };
  return { plugin, options: { weights: path }, load };
}

const LITE = [
  [lite0, { width: 1, depth: 1 }],
  [lite1, { width: 1, depth: 1.1 }],
  [lite2, { width: 1.1, depth: 1.2 }],
] as const;

const SLIM = [
  [resNetV250, resNetV2('resnet_v2_50', [3, 4, 6, 3])],
  [inceptionV4Plugin, inceptionV4],
] as const;

const MODELS = [
  {
    plugin: smallCnn,
    options: {},
    load: () => smallCnn.load({ weights: 'bundled', classes: 0 }, testContext()),
  },
  {
    plugin: graphModel,
    options: { path: graph },
    load: () => graphModel.load({ ...graphOptions, path: graph }, testContext()),
  },
  // At 64 px, where a pass takes little; the made-up weights are those that are held to PyTorch.
  ...(FULL ? LITE : LITE.slice(0, 1)).map(([plugin, variant]) =>
    fromFile(plugin, { size: 64 }, () => madeUpLite(variant, 10)),
  ),
];

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

describe.runIf(FULL && native)('on node, at 299 px', () => {
  for (const [plugin, network] of SLIM) {
    const weights = () => formulaWeights(slimVariables(network, 1001), slimFixture(plugin.name));
    describe(plugin.name, () => {
      for (const { name, run } of modelConformance(plugin, { ...fromFile(plugin, {}, weights), backend: 'node' }))
        it(name, { timeout: 600_000 }, run);
    });
  }
});
