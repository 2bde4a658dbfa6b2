import { spawn } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ShieldError } from '../../errors/index.js';
import { ADDON } from './installation.js';
import type { BindingSource } from './release.js';
import { PROCESS_ADDON, PROCESS_ADDON_SOURCE } from './process-addon.js';

/** The C++ compiler to use: `$CXX`, else g++. */
export function compiler(): string {
  return process.env['CXX'] || 'g++';
}

/**
 * Compiles the addon into `folder`, which holds `tensorflow/` with its libraries and `tensorflow/include`. The addon
 * finds its libraries relative to itself, so that the folder may be moved.
 *
 * @returns the first line of the compiler's `--version`
 * @throws SETUP_FAILED
 */
export async function compileAddon(folder: string, source: BindingSource): Promise<string> {
  const version = await compilerVersion();
  const libraries = await cudaLibraries(folder);
  const args = [
    ...['-std=c++17', '-O2', '-fPIC', '-shared', '-DNAPI_VERSION=8', '-w'],
    `-I${join(folder, 'tensorflow', 'include')}`,
    `-I${source.nodeApiHeaders}`,
    ...source.sources,
    ...['-o', join(folder, ADDON)],
    join(folder, 'tensorflow', 'libtensorflow_cc.so.2'),
    join(folder, 'tensorflow', 'libtensorflow_framework.so.2'),
    // TensorFlow opens CUDA's libraries by their bare names: linked here, they are loaded already when it asks.
    ...['-Wl,--no-as-needed', ...libraries.files, '-Wl,--as-needed'],
    ...['$ORIGIN/tensorflow', ...libraries.folders.map((name) => `$ORIGIN/${name}`)].map(
      (path) => `-Wl,-rpath,${path}`,
    ),
    '-Wl,--allow-shlib-undefined',
  ];
  await compile(args);
  const own = ['-x', 'c++', '-', '-std=c++17', '-O2', '-fPIC', '-shared', '-DNAPI_VERSION=8'];
  await compile([...own, `-I${source.nodeApiHeaders}`, '-o', join(folder, PROCESS_ADDON)], PROCESS_ADDON_SOURCE);
  return version;
}

async function compile(args: readonly string[], input = ''): Promise<void> {
  const { code, output } = await run(compiler(), args, input);
  if (code !== 0) {
    throw new ShieldError('SETUP_FAILED', {
      reason: `${compiler()} cannot compile the addon: ${firstError(output)}`,
      expected: 'use a C++17 compiler (g++ 9 or later), named in CXX if it is not g++',
    });
  }
}

/** @throws SETUP_FAILED without a compiler; asked before the download, so that nothing is fetched in vain. */
export async function compilerVersion(): Promise<string> {
  const { code, output } = await run(compiler(), ['--version']).catch(() => ({ code: -1, output: '' }));
  if (code === 0) return output.split('\n', 1)[0] ?? '';
  throw new ShieldError('SETUP_FAILED', {
    reason: `there is no C++ compiler (${compiler()} cannot be started)`,
    expected: 'install g++ (Debian, Ubuntu: apt install g++), or name a compiler in CXX; then: shield setup',
  });
}

/** Libraries from NVIDIA's wheels, which lie under `nvidia/<part>/lib`. */
async function cudaLibraries(folder: string): Promise<{ files: string[]; folders: string[] }> {
  const parts = await readdir(join(folder, 'nvidia')).catch(() => []);
  const folders = parts.sort().map((part) => `nvidia/${part}/lib`);
  const wanted = /^lib(cudart|cublas|cublasLt|cufft|curand|cusolver|cusparse|cudnn|nccl|nvJitLink)\.so\.\d+$/;
  const files: string[] = [];
  for (const name of folders) {
    for (const file of await readdir(join(folder, name)).catch(() => [])) {
      if (wanted.test(file)) files.push(join(folder, name, file));
    }
  }
  return { files, folders };
}

function firstError(output: string): string {
  const lines = output.split('\n').map((line) => line.trim());
  return lines.find((line) => line.includes('error')) ?? lines[0] ?? '';
}

function run(command: string, args: readonly string[], input = ''): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    // A compiler that ends before it has read everything says why itself.
    child.stdin.on('error', () => undefined).end(input);
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, output }));
  });
}
