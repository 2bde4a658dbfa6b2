/*
 * Every benchmark, one after the other: npm run bench. SHIELD_BENCH_PYTHON names a Python with torch, Pillow, numpy,
 * SciPy, scikit-image and OpenCV for the peers; without it they are left out. Nothing else should run on the machine meanwhile.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

for (const name of [
  'gradient.js',
  'jpeg.js',
  'decode.js',
  'defenses.js',
  'records.js',
  'memory.js',
  'tracking.js',
  'sweeps.js',
]) {
  console.log(`\n# ${name}`);
  const { status } = spawnSync(process.execPath, [fileURLToPath(new URL(name, import.meta.url))], { stdio: 'inherit' });
  if (status !== 0) process.exitCode = 1;
}
