import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { expectError, root, shield, temporaryFolder, type JsonResult } from './shield.js';

const folder = temporaryFolder();
const runs = temporaryFolder();
let server: ChildProcess;
let spec: string;

beforeAll(async () => {
  server = spawn(process.execPath, [join(root, 'test', 'model-server.js')], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [port] = (await once(server.stdout!, 'data')) as [Buffer];
  spec = join(folder, 'served.yaml');
  const text = [
    'name: served',
    'backend: cpu',
    'dataset: { use: drawn, limit: 4 }',
    `model: { use: served_model, url: 'http://127.0.0.1:${String(port).trim()}/v1/models/small:predict', size: 32 }`,
    'attacks:',
    '  square: { use: square, eps: 48, queries: 100 }',
    '  hsj: { use: hop_skip_jump, steps: 1, initial_queries: 10 }',
    'defenses: { jpeg: { use: jpeg, quality: 60 } }',
    'execution: { strip: 0 }',
  ];
  writeFileSync(spec, `${text.join('\n')}\n`);
});
afterAll(() => void server.kill());

test('a classifier behind an address is attacked without gradients, and what was asked is not asked again', async () => {
  const outcome = await shield(['run', spec, '--json'], { runs });
  expect(outcome.code, outcome.stderr).toBe(0);
  const { metrics } = JSON.parse(outcome.stdout) as JsonResult;
  expect(metrics['clean/top1']).toBe(0.75);
  expect(metrics['attack/square/attacked']).toBe(3);
  expect(metrics['attack/hsj/success']).toBe(1);
  const artifacts = () => readdirSync(join(runs, 'artifacts'), { recursive: true }).map(String).sort();
  const before = artifacts();
  const again = await shield(['run', spec, '--json'], { runs });
  expect(artifacts()).toEqual(before);
  expect((JSON.parse(again.stdout) as JsonResult).metrics['attack/hsj/l2_mean']).toBe(metrics['attack/hsj/l2_mean']);

  const adaptive = await shield(['run', spec, '--json', 'threat={adaptive: {}}', '~attacks.hsj', 'attacks.square.queries=20'], { runs }); // prettier-ignore
  expect(adaptive.code, adaptive.stderr).toBe(0);
  expect(Object.keys((JSON.parse(adaptive.stdout) as JsonResult).metrics).join()).toMatch(/square_vs_jpeg/);
});

test('attacks that need gradients are refused, and so is training', async () => {
  const refused = await shield(['run', spec, '+attacks.fgsm={use: fgsm}', '~attacks.square', '~attacks.hsj'], { runs });
  expectError(refused, 1, 'MODEL_NO_GRADIENT');
  expect(refused.stderr).toMatch(/a server gives none/);
});

test('a server that is not there is named, with what to check', async () => {
  const refused = await shield(['run', spec, 'model.url=http://127.0.0.1:1/x', 'model.retries=0'], { runs });
  expectError(refused, 1, 'MODEL_SERVER');
  expect(refused.stderr).toMatch(/http:\/\/127\.0\.0\.1:1\/x/);
});
