import { chmodSync, cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ShieldError } from '../../errors/index.js';
import { startScript } from '../../testing/processes.js';
import { cudaRequirements } from './cuda.js';
import { ADDON, findInstallation, installationFolder, type NativeManifest } from './installation.js';
import { wheelFor } from './release.js';
import { setupNative } from './setup.js';

let cache: string;
const lines: string[] = [];
const log = (message: string) => void lines.push(message);

beforeEach(() => {
  cache = mkdtempSync(join(tmpdir(), 'shield-setup-'));
  vi.stubEnv('SHIELD_CACHE', cache);
  lines.length = 0;
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(cache, { recursive: true, force: true });
});

async function failure(): Promise<ShieldError> {
  const error: unknown = await setupNative({ gpu: false, log }).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ShieldError);
  return error as ShieldError;
}

/** What is left in the cache's native folder, the lock apart. */
const left = () => readdirSync(join(cache, 'native')).filter((name) => name !== '.lock');

/** A program in the place of Python that is started as pip would be: `$folder` is where the wheel is wanted. */
function inPlaceOfPython(body: string): void {
  const path = join(cache, 'python');
  const script = `#!/bin/sh\nwhile [ "$1" != "-d" ]; do shift; done\nfolder="$2"\n${body}\n`;
  writeFileSync(path, script);
  chmodSync(path, 0o755);
  vi.stubEnv('SHIELD_PYTHON', path);
}

describe('errors', () => {
  test('no compiler: said before anything is downloaded', async () => {
    vi.stubEnv('CXX', '/no/such/compiler');
    const error = await failure();
    expect(error).toMatchObject({
      code: 'SETUP_FAILED',
      message: expect.stringContaining('no C++ compiler') as string,
    });
    expect(error.fix).toContain('install g++');
    expect(lines).toEqual([]);
  });

  test('no Python', async () => {
    vi.stubEnv('SHIELD_PYTHON', '/no/such/python');
    const error = await failure();
    expect(error.code).toBe('SETUP_FAILED');
    expect(error.message).toContain('/no/such/python cannot be started');
    expect(error.fix).toContain('install Python 3 with pip');
    expect(left()).toEqual([]);
  });

  test('a pip that finds no wheel, as without a network', async () => {
    vi.stubEnv('PIP_NO_INDEX', '1');
    vi.stubEnv('PIP_FIND_LINKS', cache);
    const error = await failure();
    expect(error.code).toBe('SETUP_FAILED');
    expect(error.message).toContain('tensorflow');
    expect(error.fix).toContain('backend: wasm');
    expect(left()).toEqual([]);
  });

  test('another wheel than the known one', async () => {
    inPlaceOfPython('echo not a wheel > "$folder/tensorflow_cpu-2.21.0-cp311-cp311-manylinux_2_27_x86_64.whl"');
    const error = await failure();
    expect(error.code).toBe('CHECKSUM_MISMATCH');
    expect(left()).toEqual([]);
  });

  test('a download that is cut off', async () => {
    inPlaceOfPython('echo half > "$folder/half.whl.part"; kill -9 $$');
    expect((await failure()).code).toBe('SETUP_FAILED');
    expect(left()).toEqual([]);
  });

  test('a cache that cannot be written', async () => {
    writeFileSync(join(cache, 'file'), '');
    vi.stubEnv('SHIELD_CACHE', join(cache, 'file', 'below'));
    expect((await failure()).code).toBe('CACHE_NOT_WRITABLE');
  });

  test('platforms without a wheel', () => {
    expect(() => wheelFor(false, 'win32', 'x64')).toThrow('there is none for win32 on x64');
    expect(wheelFor(false, 'linux', 'x64').distribution).toBe('tensorflow-cpu');
    expect(wheelFor(true, 'linux', 'x64').distribution).toBe('tensorflow');
    expect(wheelFor(false, 'linux', 'arm64').platform).toContain('aarch64');
  });
});

describe('what stands in the cache', () => {
  /** An installation of small files, as whole as its manifest can tell. */
  function install(): string {
    const folder = installationFolder(false);
    mkdirSync(join(folder, 'tensorflow'), { recursive: true });
    writeFileSync(join(folder, ADDON), 'addon');
    writeFileSync(join(folder, 'tensorflow', 'library.so'), 'library');
    const files = {
      [ADDON]: { bytes: 5, sha256: '' },
      'tensorflow/library.so': { bytes: 7, sha256: '' },
    };
    const manifest: Partial<NativeManifest> = { tensorflow: '2.21.0', gpu: false, files };
    writeFileSync(join(folder, 'manifest.json'), JSON.stringify(manifest));
    return folder;
  }

  test('a whole one is taken as it is, without a word', async () => {
    const folder = install();
    expect(await setupNative({ gpu: false, log })).toMatchObject({ folder, tensorflow: '2.21.0' });
    expect(lines).toEqual([]);
    expect(findInstallation(true)).toBeUndefined();
  });

  test.each<[string, (folder: string) => void]>([
    ['without its manifest', (folder) => rmSync(join(folder, 'manifest.json'))],
    ['with half a manifest', (folder) => truncateSync(join(folder, 'manifest.json'), 10)],
    ['with a library cut off', (folder) => truncateSync(join(folder, 'tensorflow', 'library.so'), 3)],
    ['without its addon', (folder) => rmSync(join(folder, ADDON))],
  ])('one %s is not', (_, damage) => {
    const folder = install();
    expect(findInstallation(false)?.folder).toBe(folder);
    damage(folder);
    expect(findInstallation(false)).toBeUndefined();
  });

  test('what a killed process left is cleared away', async () => {
    mkdirSync(join(cache, 'native', '.making-12345'), { recursive: true });
    inPlaceOfPython('exit 1');
    await failure();
    expect(left()).toEqual([]);
  });
});

test('two processes in the same second: one prepares, the other waits for it and does its own', async () => {
  // A "pip" that takes a second and fails; were both in the folder at once, the second would clear the first one's away.
  inPlaceOfPython('sleep 1; ls -d "$folder" >> "$SHIELD_CACHE/seen"; exit 1');
  const code = `await core.setupNative({ gpu: false, log: console.log }).catch((error) => console.log(error.code));`;
  const scripts = [1, 2].map(() => startScript('backend/index.js', code, { env: process.env }));
  const ends = await Promise.all(scripts.map(({ finished }) => finished));
  expect(ends.map(({ code: exit, stderr }) => [exit, stderr])).toEqual([
    [0, ''],
    [0, ''],
  ]);
  const said = ends.map(({ stdout }) => stdout);
  expect(said.every((text) => text.includes('SETUP_FAILED'))).toBe(true);
  expect(said.filter((text) => text.includes('another process'))).toHaveLength(1);
  expect(left()).toEqual([]);
});

test.skipIf(process.env['SHIELD_TEST_FULL'] !== '1')(
  'the real thing, by two processes at once into an empty cache',
  async () => {
    const code = `const { folder, manifest } = await core.setupNative({ gpu: false, log: console.error });
      console.log(JSON.stringify({ folder, made: manifest.made }));`;
    const scripts = [1, 2].map(() => startScript('backend/index.js', code, { env: process.env }));
    const [first, second] = await Promise.all(scripts.map(({ finished }) => finished));
    expect(first!.stdout).toBe(second!.stdout);
    expect(findInstallation(false)?.manifest.wheel.sha256).toBe(wheelFor(false).sha256);
    expect(left()).toHaveLength(1);
    // It may be moved: its parts find one another.
    const folder = installationFolder(false);
    cpSync(folder, join(cache, 'elsewhere'), { recursive: true });
    rmSync(folder, { recursive: true });
    const use = `const { createRequire } = await import('node:module');
      console.log(createRequire('/')(${JSON.stringify(join(cache, 'elsewhere', ADDON))}).TF_Version);`;
    const { stdout } = await startScript('backend/index.js', use, { env: process.env }).finished;
    expect(stdout.trim()).toBe('2.21.0');
  },
  600_000,
);

test('which CUDA libraries the wheel asks for', () => {
  const metadata = `Requires-Dist: numpy>=1.26.0
Requires-Dist: nvidia-cublas-cu12<13.0,>=12.5.3.2; extra == "and-cuda"
Requires-Dist: nvidia-cuda-nvcc-cu12<13.0,>=12.5.82; extra == "and-cuda"
Requires-Dist: nvidia-cudnn-cu12<10.0,>=9.3.0.75; extra == "and-cuda"
`;
  expect(cudaRequirements(metadata)).toEqual([
    'nvidia-cublas-cu12<13.0,>=12.5.3.2',
    'nvidia-cudnn-cu12<10.0,>=9.3.0.75',
  ]);
});
