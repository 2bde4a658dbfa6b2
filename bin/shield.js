#!/usr/bin/env node
/*
 * `npx shield` works right after `npm install` although install scripts never run: in a checkout, this file builds
 * what is missing or older than its sources before it starts the program.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
/** Of each package that has WebAssembly, one that it is built to. */
const KERNELS = { core: 'images/resize.wasm', defenses: 'jpeg-kernel/kernel.wasm' };

if (existsSync(join(root, 'tsconfig.json')) && existsSync(join(root, 'packages')) && stale()) build();
const { main } = await import(pathToFileURL(join(root, 'dist', 'main.js')).href);
await main(process.argv);

function stale() {
  // Kernels of one package share sources with those of others.
  const changed = Math.max(...Object.keys(KERNELS).map((name) => newest(join(root, 'packages', name, 'assembly'))));
  for (const [name, kernel] of Object.entries(KERNELS)) {
    const path = join(root, 'packages', name, 'dist', kernel);
    if (!existsSync(path) || changed > statSync(path).mtimeMs) return true;
  }
  const projects = [root, ...readdirSync(join(root, 'packages')).map((name) => join(root, 'packages', name))];
  return projects.some((project) => {
    const built = join(project, 'dist', '.tsbuildinfo');
    return !existsSync(built) || newest(join(project, 'src')) > statSync(built).mtimeMs;
  });
}

function newest(folder) {
  let time = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) time = Math.max(time, newest(path));
    else if (entry.name.endsWith('.ts') && !entry.name.endsWith('.test.ts'))
      time = Math.max(time, statSync(path).mtimeMs);
  }
  return time;
}

function build() {
  let tsc;
  try {
    tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
  } catch {
    process.stderr.write('shield is not built, and TypeScript is not installed: run npm install first\n');
    process.exit(1);
  }
  process.stderr.write('building shield…\n');
  for (const step of [[tsc, '-b'], [join(root, 'build-kernels.js')]]) {
    const { status, stdout, stderr } = spawnSync(process.execPath, step, { cwd: root, encoding: 'utf8' });
    if (status === 0) continue;
    process.stderr.write(`${stdout}${stderr}\nthe build failed\n`);
    process.exit(1);
  }
}
