import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus, hostname, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import type { Backend } from '../backend/backend.js';
import { projectRoot } from '../testing/shared-data.js';
import { collectProvenance, recordBackend, type Provenance } from './provenance.js';
import { createRun } from './run-directory.js';

const folder = mkdtempSync(join(tmpdir(), 'shield-provenance-'));
afterAll(() => rmSync(folder, { recursive: true }));

const KNOWN = { name: 'wasm', description: 'tfjs-wasm 4.22.0', threads: 2, captures: false };
const BACKEND = { ...KNOWN, gpu: undefined };

it('says what ran, where, and with what', async () => {
  const { record } = await collectProvenance({
    specDir: folder,
    seed: 2018,
    commandLine: ['shield', 'run', 'spec.yaml', 'tracking.uri=http://me:hush@host'],
  });
  expect(record).toMatchObject({
    format: 1,
    commandLine: ['shield', 'run', 'spec.yaml', 'tracking.uri=http://[left out]@host'],
    workingDirectory: process.cwd(),
    specDir: folder,
    seed: 2018,
    machine: { host: hostname(), memoryBytes: totalmem(), cpu: { logicalCores: cpus().length } },
  });
  expect(Math.abs(Date.now() - Date.parse(record.startedAt))).toBeLessThan(60_000);
  const require = createRequire(import.meta.url);
  const { version } = require('@tensorflow/tfjs-core/package.json') as { version: string };
  const { default: sharp } = await import('sharp');
  expect(record.software).toMatchObject({
    node: process.versions.node,
    v8: process.versions.v8,
    shield: expect.stringMatching(/^\d/) as string,
    '@shield/core': expect.stringMatching(/^\d/) as string,
    '@tensorflow/tfjs-core': version,
    sharp: sharp.versions.sharp,
    libvips: sharp.versions.vips,
  });
  const lock = readFileSync(join(projectRoot(), 'package-lock.json'));
  expect(record.lockFile).toEqual({
    file: 'package-lock.json',
    sha256: createHash('sha256').update(lock).digest('hex'),
  });
  expect(record).not.toHaveProperty('backend');
  expect(JSON.stringify(record)).not.toContain('hush');
});

it('holds without a repository, a lock file or packages around it', async () => {
  const { record, files } = await collectProvenance({ projectDir: folder, specDir: folder, seed: 1 });
  expect(record.git).toEqual({ available: false, reason: 'not in a git repository' });
  expect(record).not.toHaveProperty('specGit');
  expect(record).not.toHaveProperty('lockFile');
  expect(files).toEqual({});
});

it.skipIf(spawnSync('git', ['--version']).status !== 0)(
  'has the state of the repository that the spec stands in',
  async () => {
    const repository = join(folder, 'repository');
    mkdirSync(join(repository, 'specs'), { recursive: true });
    const git = (...args: string[]) =>
      spawnSync('git', ['-c', 'user.name=A', '-c', 'user.email=a@b.c', '-c', 'commit.gpgsign=false', ...args], {
        cwd: repository,
      });
    git('init', '-q', '-b', 'trunk');
    writeFileSync(join(repository, 'specs', 'a.yaml'), 'name: a\n');
    git('add', '.');
    git('commit', '-q', '-m', 'first');
    writeFileSync(join(repository, 'specs', 'a.yaml'), 'name: b\n');
    const elsewhere = await collectProvenance({ projectDir: folder, specDir: join(repository, 'specs'), seed: 1 });
    expect(elsewhere.record.git).toMatchObject({ available: false });
    expect(elsewhere.record.specGit).toMatchObject({
      available: true,
      branch: 'trunk',
      dirty: true,
      diff: { file: 'spec-dirty.diff' },
    });
    expect(elsewhere.files).toEqual({ 'spec-dirty.diff': expect.stringContaining('+name: b') as string });
    const inside = await collectProvenance({ projectDir: repository, specDir: join(repository, 'specs'), seed: 1 });
    expect(inside.record.git).toMatchObject({ branch: 'trunk', diff: { file: 'dirty.diff' } });
    expect(inside.record).not.toHaveProperty('specGit');
    expect(Object.keys(inside.files)).toEqual(['dirty.diff']);
  },
);

it('is given the backend when that has been opened', async () => {
  const provenance = await collectProvenance({ projectDir: folder, specDir: folder, seed: 1 });
  const texts = { name: 'p', specText: '', resolvedText: '', hash: '', commandLine: [] };
  const run = await createRun(join(folder, 'runs'), { ...texts, provenance });
  await recordBackend(run, BACKEND as unknown as Backend);
  const after = JSON.parse(readFileSync(run.files.provenance, 'utf8')) as Provenance;
  expect(after).toEqual({ ...provenance.record, backend: KNOWN });
});

it('names the GPU that the driver names', async () => {
  // Stands for NVIDIA's program, which is not on every machine; its output is that of driver 550 on two cards.
  const bin = join(folder, 'nvidia-smi');
  writeFileSync(bin, '#!/bin/sh\nprintf "NVIDIA A100-SXM4-40GB, 40960, 550.54.15\\nNVIDIA T4, 15360, 550.54.15\\n"\n', {
    mode: 0o755,
  });
  const path = process.env['PATH'];
  try {
    process.env['PATH'] = `${folder}:${path}`;
    const { record } = await collectProvenance({ projectDir: folder, specDir: folder, seed: 1 });
    expect(record.machine.gpus).toEqual([
      { name: 'NVIDIA A100-SXM4-40GB', memoryMiB: 40960, driver: '550.54.15' },
      { name: 'NVIDIA T4', memoryMiB: 15360, driver: '550.54.15' },
    ]);
    writeFileSync(bin, '#!/bin/sh\necho "NVIDIA-SMI has failed" >&2\nexit 9\n', { mode: 0o755 });
    const failed = await collectProvenance({ projectDir: folder, specDir: folder, seed: 1 });
    expect(failed.record.machine).toMatchObject({
      gpus: [],
      gpuProblem: expect.stringContaining('nvidia-smi failed') as string,
    });
  } finally {
    process.env['PATH'] = path;
  }
});
