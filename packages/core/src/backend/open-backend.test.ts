import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { nativeForTests } from '../testing/native-for-tests.js';
import { startScript } from '../testing/processes.js';
import { hasNvidiaGpu } from './native/cuda.js';
import { ADDON, installationFolder } from './native/installation.js';
import { PROCESS_ADDON } from './native/process-addon.js';
import { openBackend } from './open-backend.js';

const native = await nativeForTests();
const gpu = await hasNvidiaGpu();

const warnings: string[] = [];
const options = { threads: 1, log: () => undefined, warn: (message: string) => void warnings.push(message) };
beforeEach(() => void (warnings.length = 0));

describe('without a native backend', () => {
  let cache: string;
  beforeEach(() => {
    cache = mkdtempSync(join(tmpdir(), 'shield-backend-'));
    vi.stubEnv('SHIELD_CACHE', cache);
  });
  afterEach(() => {
    vi.unstubAllEnvs();
    rmSync(cache, { recursive: true });
  });

  test.skipIf(gpu)('auto runs on WebAssembly and says in one line what is lost and how to mend it', async () => {
    const backend = await openBackend('auto', { ...options, allowSetup: false });
    expect(backend).toMatchObject({ name: 'wasm', threads: 1, captures: false });
    expect(tf.getBackend()).toBe('wasm');
    expect(warnings).toEqual([expect.stringMatching(/^running on WebAssembly .*; to mend it: run: shield setup$/)]);
  });

  test.skipIf(gpu)('auto where it cannot be prepared, too', async () => {
    vi.stubEnv('CXX', '/no/such/compiler');
    expect((await openBackend('auto', options)).name).toBe('wasm');
    expect(warnings).toEqual([expect.stringContaining('install g++')]);
    expect(warnings[0]).not.toContain('\n');
  });

  test('node is an error that says how to mend it', async () => {
    await expect(openBackend('node', { ...options, allowSetup: false })).rejects.toMatchObject({
      code: 'BACKEND_UNAVAILABLE',
      fix: 'run: shield setup',
    });
  });

  test('a damaged addon is an error, or WebAssembly; not a crash', async () => {
    const folder = installationFolder(false);
    mkdirSync(folder, { recursive: true });
    for (const name of [ADDON, PROCESS_ADDON]) writeFileSync(join(folder, name), 'no library');
    const file = { bytes: 10, sha256: '' };
    writeFileSync(
      join(folder, 'manifest.json'),
      JSON.stringify({
        tensorflow: '2.21.0',
        tfjsNode: '4.22.0',
        gpu: false,
        files: { [ADDON]: file, [PROCESS_ADDON]: file },
      }),
    );
    const code = `await core.openBackend('node', { log() {}, warn() {} }).catch((e) => console.log(e.code, '|', e.message, '|', e.fix));
      console.log((await core.openBackend('auto', { log() {}, warn: console.log })).name);`;
    const { stdout, stderr } = await startScript('backend/index.js', code, { env: process.env }).finished;
    expect(stderr).toBe('');
    const [error, warning, name] = stdout.trim().split('\n');
    expect(error).toMatch(/^BACKEND_UNAVAILABLE \| .*the addon cannot be loaded.* \| shield setup --force/);
    if (!gpu) expect(warning).toContain('running on WebAssembly');
    expect(name).toBe('wasm');
  });
});

test('webgpu needs a Node that has it', async () => {
  await expect(openBackend('webgpu', options)).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE' });
});

test.skipIf(gpu)('node-gpu on a machine without a GPU is an error, and nothing is downloaded', async () => {
  await expect(openBackend('node-gpu', options)).rejects.toMatchObject({
    code: 'BACKEND_UNAVAILABLE',
    message: expect.stringContaining('nvidia-smi') as string,
  });
});

test.each(['cpu', 'wasm'] as const)('%s', async (name) => {
  expect(await openBackend(name, options)).toMatchObject({ name, threads: 1, gpu: undefined, captures: false });
  expect(tf.getBackend()).toBe(name);
  expect([...tf.matMul([[1, 2]], [[3], [4]]).dataSync()]).toEqual([11]);
});

describe.skipIf(!native)('the native backend', () => {
  test('computes with TensorFlow, through the one instance of tfjs that all code shares', async () => {
    const backend = await openBackend('node', options);
    expect(backend).toMatchObject({ name: 'node', threads: 1, captures: true });
    expect(backend.description).toMatch(/^tensorflow 2\.\d+\.\d+ \(tfjs-node 4\.22\.0, native\)$/);
    expect([...tf.matMul([[1, 2]], [[3], [4]]).dataSync()]).toEqual([11]);
    const require = createRequire(import.meta.url);
    const union = require('@tensorflow/tfjs') as typeof tf;
    expect(union.engine()).toBe(tf.engine());
    expect(union.Tensor).toBe(tf.Tensor);
  });

  test('threads are set once for a process, and asking for others is answered', async () => {
    await openBackend('node', options);
    expect((await openBackend('node', { ...options, threads: 3 })).threads).toBe(1);
    expect(warnings).toEqual([expect.stringContaining('runs with 1 threads')]);
  });

  test('without oneDNN says so, since its sums come out otherwise', async () => {
    const code = `console.log((await core.openBackend('node', { log() {}, warn() {} })).description);`;
    const env = { ...process.env, TF_ENABLE_ONEDNN_OPTS: '0' };
    const { stdout } = await startScript('backend/index.js', code, { env }).finished;
    expect(stdout).toMatch(/^tensorflow .* \(tfjs-node .*, native, no oneDNN\)$/m);
  });

  test('opens without a word on standard error', async () => {
    const code = `const backend = await core.openBackend('node', { threads: 1, log: console.log, warn: console.log });
      const f = backend.capture((x) => [x]);
      const tf = await import('@tensorflow/tfjs-core');
      console.log(f(tf.ones([1, 2]))[0].dataSync().join());
      process.stderr.write('open again');`;
    const { stdout, stderr, code: exit } = await startScript('backend/index.js', code).finished;
    expect([stdout, stderr, exit]).toEqual(['1,1\n', 'open again', 0]);
  });

  test('after WebAssembly, and back', async () => {
    await openBackend('wasm', options);
    const backend = await openBackend('node', options);
    const captured = backend.capture((x: tf.Tensor): [tf.Tensor] => [tf.relu(x)]);
    expect([...captured(tf.tensor1d([-1, 2]))[0].dataSync()]).toEqual([0, 2]);
    captured.dispose();
  });
});

test('nothing of tfjs is loaded before a backend is opened', async () => {
  const code = `const { createRequire } = await import('node:module');
    console.log(Object.keys(createRequire('/').cache).filter((path) => path.includes('@tensorflow')).length);`;
  expect((await startScript('backend/index.js', code).finished).stdout).toBe('0\n');
});
