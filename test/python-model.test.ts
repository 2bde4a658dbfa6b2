import { existsSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { pythonForTests } from '../packages/models/src/testing/python-for-tests.js';
import { expectError, shield, start, temporaryFolder, type JsonResult } from './shield.js';

const python = pythonForTests();
const folder = temporaryFolder();
const runs = temporaryFolder();

/** It leaves its process's number beside it, and takes as long for a pass as it is told. */
const SOURCE = `
import os, time, torch
from torch import nn

def load(seconds=0.0):
    with open(os.path.join(os.path.dirname(__file__), "pid"), "w") as pid:
        pid.write(str(os.getpid()))
    torch.manual_seed(1)
    network = nn.Sequential(nn.Conv2d(3, 8, 5, 2), nn.ReLU(), nn.Conv2d(8, 8, 5, 2), nn.ReLU(), nn.Flatten(), nn.Linear(200, 10))
    network.register_forward_pre_hook(lambda *_: time.sleep(seconds))
    return network
`;

function spec(name: string, ...more: readonly string[]): string {
  writeFileSync(join(folder, 'net.py'), SOURCE);
  rmSync(join(folder, 'pid'), { force: true });
  const path = join(folder, `${name}.yaml`);
  const lines = [
    `name: ${name}`,
    'backend: cpu',
    'batch: 4',
    'dataset: { use: drawn, limit: 8 }',
    `model: { use: python_model, file: net.py, python: '${python}', size: 32, device: cpu }`,
    'attacks: { pgd: { use: pgd, eps: 8, steps: 3, attack_misclassified: true } }',
    'defenses: { jpeg: { use: jpeg, quality: 60 } }',
    'execution: { strip: 0 }',
    ...more,
  ];
  writeFileSync(path, `${lines.join('\n')}\n`);
  return path;
}

const pid = () => Number(readFileSync(join(folder, 'pid'), 'utf8'));
const lives = (process_: number) => existsSync(`/proc/${process_}`);

test.skipIf(!python)('a network in Python is attacked with its gradients, by itself and behind a defense', async () => {
  const path = spec('whole', 'threat: { adaptive: {} }');
  const outcome = await shield(['run', path, '--json'], { runs });
  expect(outcome.code, outcome.stderr).toBe(0);
  const { metrics } = JSON.parse(outcome.stdout) as JsonResult;
  expect(metrics['attack/pgd/attacked']).toBe(8);
  expect(metrics['attack/pgd/gradients']).toBeGreaterThanOrEqual(1);
  expect(metrics['attack/pgd/linf_mean_all']! * 255).toBeGreaterThan(1);
  expect(Object.keys(metrics).join()).toContain('pgd_vs_jpeg');
});

test.skipIf(!python || process.platform !== 'linux')(
  'Ctrl-C stops it as any other run, and no Python is left behind',
  async () => {
    const path = spec('slow');
    const { child, outcome } = start(['run', path, 'model.arguments.seconds=0.3', 'name=slow'], { runs });
    await vi.waitFor(() => expect(lives(pid())).toBe(true), 60_000);
    const started = pid();
    await new Promise((resolve) => setTimeout(resolve, 1500));
    child.kill('SIGINT');
    const { code, stderr } = await outcome;
    expect(code, stderr).toBe(130);
    await vi.waitFor(() => expect(lives(started)).toBe(false), 20_000);
  },
);

test.skipIf(!python || process.platform !== 'linux')('nor where the run is killed', async () => {
  const { child, outcome } = start(['run', spec('killed'), 'model.arguments.seconds=0.3'], { runs });
  await vi.waitFor(() => expect(lives(pid())).toBe(true), 60_000);
  await new Promise((resolve) => setTimeout(resolve, 1500));
  const started = pid();
  child.kill('SIGKILL');
  await outcome;
  await vi.waitFor(() => expect(lives(started)).toBe(false), 20_000);
});

test.skipIf(!python)("a Python is found from the spec's folder", async () => {
  symlinkSync(python!, join(folder, 'my-python'));
  const outcome = await shield(['run', spec('linked'), 'model.python=./my-python', '~attacks'], { runs });
  expect(outcome.stderr).not.toMatch(/ENOENT/);
});

test('a Python that is not there is named', async () => {
  const refused = await shield(['run', spec('none'), 'model.python=/no/python'], { runs });
  expectError(refused, 1, 'PYTHON_MODEL');
  expect(refused.stderr).toMatch(/set python to one that is there/);
});
