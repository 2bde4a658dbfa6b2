/*
 * Compiles assembly/ (AssemblyScript) to WebAssembly in dist/: part of the build, after tsc -b.
 *
 *     node packages/defenses/build-kernel.js
 */
import { mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = dirname(fileURLToPath(import.meta.url));
const source = join(folder, 'assembly');
const KERNELS = [
  { entry: 'kernel.ts', target: 'jpeg-kernel/kernel.wasm' },
  { entry: 'split-bregman.ts', target: 'split-bregman/kernel.wasm' },
];

for (const { entry, target } of KERNELS) {
  const path = join(folder, 'dist', target);
  if (stale(path)) await compile(join(source, entry), path);
}

async function compile(entry, target) {
  const asc = await import('assemblyscript/asc');
  mkdirSync(dirname(target), { recursive: true });
  // Written aside and moved into place, so that two builds at once do no harm.
  const written = `${target}.${process.pid}`;
  const options = ['-O3', '--enable', 'simd', '--runtime', 'stub', '--noAssert', '--disableWarning', '201'];
  const { error, stderr } = await asc.main([entry, '--outFile', written, ...options]);
  if (error) {
    rmSync(written, { force: true });
    process.stderr.write(`${stderr.toString()}\nthe kernel ${entry} could not be compiled: ${error.message}\n`);
    process.exit(1);
  }
  renameSync(written, target);
}

function stale(target) {
  const built = statSync(target, { throwIfNoEntry: false });
  const sources = [fileURLToPath(import.meta.url), ...readdirSync(source).map((name) => join(source, name))];
  return !built || sources.some((path) => statSync(path).mtimeMs > built.mtimeMs);
}
