/*
 * What a sweep costs beside its cells: a cell that does next to nothing (one image of a small network, evaluated) inline and
 * over Redis, resolving and validating 10,000 cells, two local workers against one, and Hydra's multirun with its joblib launcher beside.
 *
 *     node bench/sweeps.js [--cells 40]
 *
 * The cost of a cell is the difference between a sweep of many and one of few, over the cells between them.
 * $SHIELD_BENCH_HYDRA names a Python with hydra-core and hydra-joblib-launcher, $SHIELD_REDIS_URL a Redis; without
 * them these rows are left out.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';

const { values } = parseArgs({ options: { cells: { type: 'string', default: '40' } } });
const MANY = Number(values.cells);
const FEW = 4;
const program = fileURLToPath(new URL('../bin/shield.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'shield-bench-'));
const show = (what, value) => console.log(`${what.padEnd(60)} ${value}`);
let count = 0;

function spec(limit, sweep) {
  const path = join(folder, `spec-${count++}.yaml`);
  writeFileSync(
    path,
    `backend: cpu
model: { use: small_cnn }
dataset: { use: drawn, limit: ${limit} }
attacks: { fgsm: { use: fgsm, eps: 16 } }
defenses: { jpeg: { use: jpeg } }
execution: { threads: 1, strip: 0 }
evaluate: { top: [1] }
sweep: { ${sweep} }
`,
  );
  return path;
}

/** Seconds that a command takes, from its start to its end. */
function seconds(command, args, env = {}) {
  const started = performance.now();
  const { status, stderr } = spawnSync(command, args, {
    cwd: folder,
    env: { ...process.env, ...env },
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`${args.join(' ')}: ${stderr}`);
  return (performance.now() - started) / 1000;
}

const sweep = (path, ...args) =>
  seconds(process.execPath, [program, 'sweep', path, '--quiet', ...args], {
    SHIELD_RUNS: join(folder, `runs-${count++}`),
    MLFLOW_TRACKING_URI: '',
  });

/** Milliseconds of a cell. @param work seconds of a sweep of so many cells */
function each(work) {
  const [few, many] = [FEW, MANY].map((cells) => Math.min(work(cells), work(cells)));
  return (1000 * (many - few)) / (MANY - FEW);
}

/** Cells that differ in what costs nothing: one image, evaluated without attack. */
const empty = (cells) => spec(1, `grid: { evaluate.draws: { range: [1, ${cells + 1}] } }`);

const nothing = ['~attacks', '~defenses'];
const milliseconds = (value) => `${value.toFixed(0)} ms`;

try {
  show('a cell of one image, inline', milliseconds(each((cells) => sweep(empty(cells), ...nothing))));
  if (process.env['SHIELD_REDIS_URL']) {
    const queue = `bench-${process.pid}`;
    const worker = spawn(process.execPath, [program, 'worker', '--queue', queue], { cwd: folder, stdio: 'ignore' });
    const over = (cells) => sweep(empty(cells), ...nothing, '--executor', 'bullmq', `execution.queue=${queue}`);
    show('a cell of one image, over Redis, one worker', milliseconds(each(over)));
    worker.kill('SIGTERM');
  } else console.log('SHIELD_REDIS_URL names no Redis: it is left out');
  const hydra = process.env['SHIELD_BENCH_HYDRA'];
  if (hydra) {
    const script = fileURLToPath(new URL('peers/hydra_multirun.py', import.meta.url));
    const jobs = (cells) =>
      seconds(hydra, [script, '-m', `+job=range(0,${cells})`, 'hydra/launcher=joblib', 'hydra.launcher.n_jobs=1']);
    show('a job that does nothing, Hydra multirun, joblib launcher', milliseconds(each(jobs)));
  } else console.log('SHIELD_BENCH_HYDRA names no Python: Hydra is left out');

  const valid = spec(1, 'grid: { defenses.jpeg.quality: { range: [1, 101] }, seed: { range: [0, 100] } }');
  const one = spec(1, 'grid: { seed: [0] }');
  const validate = (path) => seconds(process.execPath, [program, 'validate', path]);
  show(
    '10,000 cells resolved and validated, the start of Node left out',
    `${(validate(valid) - validate(one)).toFixed(1)} s`,
  );

  const busy = () => spec(8, 'repeats: 8');
  const workers = (n) => sweep(busy(), '--executor', 'local', `execution.workers=${n}`);
  const [alone, both] = [workers(1), workers(2)];
  show(
    '8 cells of 8 images, local: one worker, two workers',
    `${alone.toFixed(1)} s, ${both.toFixed(1)} s, ${(alone / both).toFixed(2)} ×`,
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}
