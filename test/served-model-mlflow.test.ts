import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect, test } from 'vitest';
import { mlflowProgram } from './mlflow-server.js';
import { freePort } from './redis-server.js';
import { shield, temporaryFolder, type JsonResult } from './shield.js';

/** Ten classes: softmax of the means of red, green and blue, and of seven zeros. */
const MODEL = `
import sys, numpy as np, mlflow
from mlflow.models import ModelSignature
from mlflow.types import Schema, TensorSpec

class Means(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        x = np.asarray(model_input, dtype=np.float64)
        m = np.concatenate([x.mean((1, 2)) * 8, np.zeros((len(x), 7))], 1)
        e = np.exp(m - m.max(1, keepdims=True))
        return e / e.sum(1, keepdims=True)

images = TensorSpec(np.dtype(np.float32), (-1, 32, 32, 3))
scores = TensorSpec(np.dtype(np.float64), (-1, 10))
mlflow.pyfunc.save_model(sys.argv[1], python_model=Means(), signature=ModelSignature(Schema([images]), Schema([scores])))
`;

const program = process.env['SHIELD_TEST_FULL'] === '1' ? mlflowProgram() : undefined;
const folder = temporaryFolder();
let server: ChildProcess | undefined;
// The command starts the server as a process of its own.
afterAll(() => void (server?.pid !== undefined && process.kill(-server.pid)));

test.skipIf(!program)('a real MLflow scoring server is attacked', async () => {
  const bin = dirname(program!);
  const model = join(folder, 'model');
  const saved = spawnSync(join(bin, 'python'), ['-c', MODEL, model], { encoding: 'utf8', cwd: folder });
  expect(saved.status, saved.stderr).toBe(0);
  const port = await freePort();
  const args = ['models', 'serve', '-m', model, '--env-manager', 'local', '--port', String(port)];
  const env = { ...process.env, PATH: `${bin}:${process.env['PATH']}` };
  server = spawn(program!, args, { env, cwd: folder, stdio: 'ignore', detached: true });
  for (const until = Date.now() + 90_000; Date.now() < until; await sleep(200)) {
    if ((await fetch(`http://127.0.0.1:${port}/ping`).catch(() => undefined))?.ok) break;
  }
  const spec = join(folder, 'mlflow.yaml');
  const lines = [
    'name: mlflow',
    'backend: cpu',
    'dataset: { use: drawn, limit: 4 }',
    `model: { use: served_model, url: 'http://127.0.0.1:${port}/invocations', size: 32 }`,
    'attacks: { square: { use: square, eps: 64, queries: 20, attack_misclassified: true } }',
    'execution: { strip: 0 }',
  ];
  writeFileSync(spec, lines.join('\n'));
  const outcome = await shield(['run', spec, '--json'], { runs: join(folder, 'runs') });
  expect(outcome.code, outcome.stderr).toBe(0);
  const { metrics } = JSON.parse(outcome.stdout) as JsonResult;
  expect(metrics['attack/square/attacked']).toBe(4);
  expect(metrics['attack/square/linf_mean_all']! * 255).toBeLessThanOrEqual(64.01);
});
