/*
 * What a sweep costs beside its cells: a cell that does next to nothing (one image of a small network, evaluated) inline and
 * over Redis, Hydra's multirun with its joblib launcher beside; resolving and validating 10,000 cells; twenty defenses
 * against one attack, on a network that takes next to nothing and on EfficientNet-Lite0; two local workers against one; ten
 * worker processes whose slots are kept busy.
 *
 *     node bench/sweeps.js [--cells 104] [--slots 1000] [--only inline,redis,hydra,validate,defenses,photos,network,…]
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
import { busyShare } from './sweeps/busy.js';
import { stagesOf } from './sweeps/stages.js';

const { values } = parseArgs({
  options: {
    cells: { type: 'string', default: '104' },
    slots: { type: 'string', default: '1000' },
    only: { type: 'string', default: 'inline,redis,hydra,validate,defenses,photos,network,workers,busy' },
  },
});
const MANY = Number(values.cells);
const FEW = 4;
const SLOTS = Number(values.slots);
const PROCESSES = 10;
const only = new Set(values.only.split(','));
const program = fileURLToPath(new URL('../bin/shield.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'shield-bench-'));
const show = (what, value) => console.log(`${what.padEnd(72)} ${value}`);
let count = 0;

function write(text) {
  const path = join(folder, `spec-${count++}.yaml`);
  writeFileSync(path, text);
  return path;
}

const spec = (limit, sweep, more = '') =>
  write(`backend: cpu
model: { use: small_cnn }
dataset: { use: drawn, limit: ${limit} }
attacks: { fgsm: { use: fgsm, eps: 16 } }
defenses: { jpeg: { use: jpeg } }
execution: { threads: 1, strip: 0 }
evaluate: { top: [1] }
sweep: { ${sweep} }
${more}`);

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

const shield = (...args) =>
  seconds(process.execPath, [program, ...args], {
    SHIELD_RUNS: join(folder, `runs-${count++}`),
    MLFLOW_TRACKING_URI: '',
  });
const sweep = (path, ...args) => shield('sweep', path, '--quiet', ...args);

/** Milliseconds of a cell. @param work seconds of a sweep of so many cells */
function each(work) {
  const [few, many] = [FEW, MANY].map((cells) => Math.min(work(cells), work(cells)));
  return (1000 * (many - few)) / (MANY - FEW);
}

/** Cells that differ in what costs nothing: one image, evaluated without attack. */
const empty = (cells) => spec(1, `grid: { evaluate.draws: { range: [1, ${cells + 1}] } }`);

const nothing = ['~attacks', '~defenses'];
const milliseconds = (value) => `${value.toFixed(0)} ms`;

const redis = process.env['SHIELD_REDIS_URL'];
const hydra = process.env['SHIELD_BENCH_HYDRA'];

/** What their stages tell of an attack and twenty evaluations, and what the sweep took from its first cell to its end. */
function defended(what, model, dataset, steps = 40) {
  const path = write(`backend: auto
model: ${JSON.stringify(model)}
dataset: ${JSON.stringify(dataset)}
attacks: { pgd: { use: pgd, eps: 8, steps: ${steps} } }
defenses: { jpeg: { use: jpeg } }
execution: { threads: 1, strip: 0 }
evaluate: { top: [1], draws: 1 }
sweep: { grid: { defenses.jpeg.quality: { range: [2, 100, 5] } } }
`);
  const runs = join(folder, `runs-${count++}`);
  seconds(process.execPath, [program, 'sweep', path, '--quiet'], { SHIELD_RUNS: runs, MLFLOW_TRACKING_URI: '' });
  const { cells, attacks, work, took } = stagesOf(runs);
  const times = `${work.toFixed(1)} s, ${took.toFixed(1)} s, ${(100 * (took / work - 1)).toFixed(1)} % more`;
  show(`${attacks} attack and ${cells} defended evaluations, ${what}: their stages, the sweep`, times);
}

const rows = {
  inline: () => show('a cell of one image, inline', milliseconds(each((cells) => sweep(empty(cells), ...nothing)))),

  redis: () => {
    if (!redis) return console.log('SHIELD_REDIS_URL names no Redis: it is left out');
    const queue = `bench-${process.pid}`;
    const worker = spawn(process.execPath, [program, 'worker', '--queue', queue], { cwd: folder, stdio: 'ignore' });
    const over = (cells) => sweep(empty(cells), ...nothing, '--executor', 'bullmq', `execution.queue=${queue}`);
    show('a cell of one image, over Redis, one worker', milliseconds(each(over)));
    worker.kill('SIGTERM');
  },

  hydra: () => {
    if (!hydra) return console.log('SHIELD_BENCH_HYDRA names no Python: Hydra is left out');
    const script = fileURLToPath(new URL('peers/hydra_multirun.py', import.meta.url));
    const jobs = (cells) =>
      seconds(hydra, [script, '-m', `+job=range(0,${cells})`, 'hydra/launcher=joblib', 'hydra.launcher.n_jobs=1']);
    show('a job that does nothing, Hydra multirun, joblib launcher', milliseconds(each(jobs)));
  },

  validate: () => {
    const valid = spec(1, 'grid: { defenses.jpeg.quality: { range: [1, 101] }, seed: { range: [0, 100] } }');
    const one = spec(1, 'grid: { seed: [0] }');
    const validate = (path) => seconds(process.execPath, [program, 'validate', path]);
    const took = validate(valid) - validate(one);
    show('10,000 cells resolved and validated, the start of Node left out', `${took.toFixed(1)} s`);
  },

  defenses: () => defended('1,000 drawn images', { use: 'small_cnn' }, { use: 'drawn', limit: 1000 }),

  photos: () => defended('photos', { use: 'efficientnet_lite0' }, { use: 'sample_photos' }),

  network: () =>
    defended('200 images at 224 px', { use: 'efficientnet_lite0' }, { use: 'drawn', size: 224, limit: 200 }, 10),

  workers: () => {
    const workers = (n) => sweep(spec(32, 'repeats: 8'), '--executor', 'local', `execution.workers=${n}`);
    const [alone, both] = [workers(1), workers(2)];
    const times = `${alone.toFixed(1)} s, ${both.toFixed(1)} s, ${(alone / both).toFixed(2)} ×`;
    show('8 cells of 32 images, local: one worker, two workers', times);
  },

  busy: async () => {
    if (!redis) return console.log('SHIELD_REDIS_URL names no Redis: it is left out');
    const plugin = fileURLToPath(new URL('sweeps/sleep.js', import.meta.url));
    const path = write(`plugins: [${JSON.stringify(plugin)}]
backend: cpu
model: { use: brightness }
dataset: { use: drawn, limit: 1 }
attacks: { sleep: { use: sleep, seconds: 10 } }
execution: { threads: 1, strip: 0 }
evaluate: { top: [1] }
sweep: { grid: { attacks.sleep.cell: { range: [0, ${4 * SLOTS}] } } }
`);
    const queue = `busy-${process.pid}`;
    const workers = { processes: PROCESSES, slots: SLOTS / PROCESSES };
    const found = await busyShare({ program, spec: path, runs: join(folder, 'busy'), queue, seconds: 10, ...workers });
    const percent = (share) => `${(100 * share).toFixed(0)} %`;
    show(`${SLOTS} slots in ten processes, cells that sleep for 10 s: with a cell`, percent(found.inHand));
    show(`  asleep, over ${found.window.toFixed(0)} s of ${found.cells} cells`, percent(found.asleep));
  },
};

try {
  for (const [name, row] of Object.entries(rows)) if (only.has(name)) await row();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
