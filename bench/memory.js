/*
 * Peak memory of an attack and its evaluation over few and over many images, each in a process of its own: it should
 * not grow with their number.
 *
 *     node bench/memory.js [spec] [override ...]
 *
 * Default: configs/smoke.yaml with FGSM alone, at 50 and 300 images.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const [spec = join(root, 'configs', 'smoke.yaml'), ...overrides] = process.argv.slice(2);
const alone = process.argv.length > 2 ? overrides : ['~attacks.cw_l2', 'batch=10'];
const preload = "data:text/javascript,process.on('exit',()=>console.error('PEAK '+process.resourceUsage().maxRSS))";

const peaks = [50, 300].map((limit) => {
  const runs = mkdtempSync(join(tmpdir(), 'shield-bench-'));
  try {
    const args = [
      join(root, 'bin', 'shield.js'),
      'run',
      spec,
      '--quiet',
      `dataset.limit=${limit}`,
      'execution.strip=0',
      ...alone,
    ];
    const env = { ...process.env, SHIELD_RUNS: runs, NODE_OPTIONS: `--import "${preload}"` };
    const { status, stderr } = spawnSync(process.execPath, args, { env, encoding: 'utf8' });
    if (status !== 0) throw new Error(stderr);
    return Number([...stderr.matchAll(/PEAK (\d+)/g)].at(-1)[1]) / 1024;
  } finally {
    rmSync(runs, { recursive: true, force: true });
  }
});
console.log(
  `peak memory: ${peaks[0].toFixed(0)} MiB at 50 images, ${peaks[1].toFixed(0)} MiB at 300: ratio ${(peaks[1] / peaks[0]).toFixed(3)}`,
);
