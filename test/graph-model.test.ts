import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { node, placeholder, writeGraphModel } from '../packages/models/src/testing/graph-files.js';
import { expectError, root, shield, temporaryFolder, type JsonResult } from './shield.js';

const FIXTURE = join(root, 'packages', 'models', 'fixtures', 'graph-model');
const folder = temporaryFolder();
const runs = temporaryFolder();

function spec(name: string, model: string): string {
  const path = join(folder, `${name}.yaml`);
  const text = [
    `name: ${name}`,
    'backend: cpu',
    'batch: 4',
    'dataset: { use: drawn, limit: 4 }',
    `model: { use: graph_model, path: ${model}, range: [-1, 1] }`,
    'attacks:',
    '  fgsm: { use: fgsm, eps: 24, attack_misclassified: true }',
    '  square: { use: square, eps: 24, queries: 20, attack_misclassified: true }',
    'execution: { strip: 0 }',
  ];
  writeFileSync(path, `${text.join('\n')}\n`);
  return path;
}

test('a graph model is attacked like any other network', async () => {
  const outcome = await shield(['run', spec('whole', FIXTURE), '--json'], { runs });
  expect(outcome.code, outcome.stderr).toBe(0);
  const { metrics } = JSON.parse(outcome.stdout) as JsonResult;
  expect(metrics['attack/fgsm/attacked']).toBe(4);
  expect(metrics['attack/fgsm/linf_mean_all']! * 255).toBeCloseTo(24, 0);
});

test('without a gradient it stands attacks that need none; of the others the op is named', async () => {
  const model = await writeGraphModel(
    join(folder, 'steps'),
    [
      placeholder([-1, 8, 8, 3]),
      node('wide', 'Conv2D', ['images', 'filter'], { strides: { list: { i: ['1', '1', '1', '1'] } }, padding: { s: 'U0FNRQ==' },
        data_format: { s: 'TkhXQw==' },
        dilations: { list: { i: ['1', '1', '1', '1'] } } }), // prettier-ignore
      node('shuffled', 'DepthToSpace', ['wide'], { block_size: { i: '2' }, data_format: { s: 'TkhXQw==' } }),
      node('means', 'Mean', ['shuffled', 'axes'], { keep_dims: { b: false } }),
      node('logits', 'MatMul', ['means', 'kernel'], { transpose_a: { b: false }, transpose_b: { b: false } }),
    ],
    {
      filter: { shape: [1, 1, 3, 4], values: Array.from({ length: 12 }, (_, i) => Math.sin(i)) },
      axes: { shape: [2], values: [1, 2], dtype: 'int32' },
      kernel: { shape: [1, 10], values: Array.from({ length: 10 }, (_, i) => Math.cos(i)) },
    },
  );
  const path = spec('steps', model);
  const refused = await shield(['run', path], { runs });
  expectError(refused, 1, 'MODEL_NO_GRADIENT');
  expect(refused.stderr).toMatch(/DepthToSpace \(node "shuffled"\)/);
  const outcome = await shield(['run', path, '--json', '~attacks.fgsm'], { runs });
  expect(outcome.code, outcome.stderr).toBe(0);
  expect(outcome.stderr).toMatch(/has no gradient: the op DepthToSpace/);
});
