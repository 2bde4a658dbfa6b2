/*
 * Compiles what packages hold in assembly/ (AssemblyScript) to WebAssembly in their dist/: part of the build, after
 * tsc -b.
 *
 *     node build-kernels.js
 */
import { mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const packages = join(dirname(fileURLToPath(import.meta.url)), 'packages');
const KERNELS = [
  { name: 'core', entry: 'resize.ts', target: 'images/resize.wasm' },
  { name: 'core', entry: 'jpeg/decode.ts', target: 'jpeg/decode.wasm' },
  { name: 'defenses', entry: 'kernel.ts', target: 'jpeg-kernel/kernel.wasm' },
  { name: 'defenses', entry: 'split-bregman.ts', target: 'split-bregman/kernel.wasm' },
  { name: 'defenses', entry: 'filters.ts', target: 'filters/kernel.wasm' },
];

/** Kernels of one package share sources with those of others. */
const sources = [...new Set(KERNELS.map(({ name }) => name))].flatMap((name) => {
  const folder = join(packages, name, 'assembly');
  return readdirSync(folder, { recursive: true }).map((file) => join(folder, file));
});

for (const { name, entry, target } of KERNELS) {
  const path = join(packages, name, 'dist', target);
  if (stale(path)) await compile(join(packages, name, 'assembly', entry), path);
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
  return !built || [fileURLToPath(import.meta.url), ...sources].some((path) => statSync(path).mtimeMs > built.mtimeMs);
}
