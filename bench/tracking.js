/*
 * What recording costs: events into the journal (and their share of a run of a small network and of one of lite0, which
 * needs weights and the native backend), the same points with Sacred beside, 10,000 metric points to an MLflow server
 * (beside the bare batches, and MLflow's own Python client), and shield runs over 10,000 recorded runs. $SHIELD_MLFLOW
 * names the mlflow program, by default the one in SHIELD's cache (.ci/mlflow); without it the server is left out.
 * $SHIELD_SACRED_PYTHON names a Python with sacred. Names of parts (journal, share, sacred, runs, server) run only those.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { cacheDir, createRun, Journal } from '../packages/core/dist/index.js';
import { MlflowFeeder } from '../packages/core/dist/tracking/mlflow/index.js';

const program = fileURLToPath(new URL('../bin/shield.js', import.meta.url));
const POINTS = 10_000;
const RUNS = 10_000;
const folder = mkdtempSync(join(tmpdir(), 'shield-bench-'));
const seconds = async (work) => {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
};
const show = (what, value) => console.log(`${what.padEnd(66)} ${value}`);

async function recordedRun(name, points) {
  const run = await createRun(join(folder, 'runs'), {
    name,
    specText: '',
    resolvedText: 'name: bench\nseed: 1\ndataset: { use: drawn }\nperform: [evaluate]\n',
    hash: 'h',
    provenance: { record: { format: 1, machine: {}, git: {}, software: {} }, files: {} },
    commandLine: [],
  });
  const journal = await Journal.open(run.files.journal);
  for (let i = 0; i < points; i++) journal.appendSync({ type: 'metric', key: `m${i % 10}`, value: i, step: i });
  await journal.append({ type: 'state', state: 'COMPLETED' });
  await journal.close();
  return run;
}

async function benchJournal() {
  const run = await recordedRun('journal', 0);
  const journal = await Journal.open(run.files.journal);
  const flushed = await seconds(async () => {
    for (let i = 0; i < 1000; i++) await journal.append({ type: 'metric', key: 'm', value: i, step: i });
  });
  const handed = await seconds(() => {
    for (let i = 0; i < 10_000; i++) journal.appendSync({ type: 'heartbeat', rss: i });
  });
  await journal.close();
  show('an event in the journal, on the disk', `${(flushed * 1000).toFixed(0)} µs`);
  show('an event in the journal, handed to the system', `${(handed * 100).toFixed(0)} µs`);
}

/** What share of a run's time passes within its journal's calls: writing, and waiting for the disk. */
async function benchShare(spec) {
  const runs = join(folder, spec);
  const clock = new URL('peers/journal-clock.js', import.meta.url);
  const args = ['--import', clock.href, program, 'run', `configs/${spec}.yaml`];
  const measured = join(folder, `${spec}.json`);
  const env = { ...process.env, SHIELD_RUNS: runs, MLFLOW_TRACKING_URI: '', JOURNAL_CLOCK: measured };
  let status;
  const took = await seconds(() => ({ status } = spawnSync(process.execPath, args, { env, stdio: 'ignore' })));
  if (status !== 0) return show(`a run of configs/${spec}.yaml`, `failed with exit code ${status}`);
  const { written, waited, events, flushes } = JSON.parse(readFileSync(measured, 'utf8'));
  const share = ((written + waited) / 10 / took).toFixed(2);
  const what = `${events} events ${written.toFixed(0)} ms, ${flushes} flushes ${waited.toFixed(0)} ms`;
  show(`a run of configs/${spec}.yaml (${took.toFixed(1)} s): ${what}`, `${share} % of its time`);
}

/** Sacred's FileStorageObserver, where $SHIELD_SACRED_PYTHON names a Python that has it, beside the same points here. */
async function benchSacred() {
  const ours = await seconds(() => recordedRun('beside', POINTS));
  show(`${POINTS} points into a run of ours, its start and end`, `${ours.toFixed(2)} s`);
  const python = process.env.SHIELD_SACRED_PYTHON;
  if (!python) return show('the same with Sacred', 'left out: $SHIELD_SACRED_PYTHON names no Python that has it');
  const script = fileURLToPath(new URL('peers/sacred_observer.py', import.meta.url));
  const args = [script, join(folder, 'sacred'), String(POINTS)];
  const { stdout, stderr } = spawnSync(python, args, { encoding: 'utf8' });
  show("the same with Sacred's FileStorageObserver", stdout.trim() === '' ? stderr.trim() : `${stdout.trim()} s`);
}

async function benchRuns() {
  const runs = join(folder, 'many');
  for (let i = 0; i < RUNS; i++) {
    const id = `20260101-000000-bench-${String(i).padStart(6, '0')}`;
    mkdirSync(join(runs, id), { recursive: true });
    const createdAt = new Date(1.75e12 + i * 1000).toISOString();
    const record = { format: 1, id, name: 'bench', hash: 'h', createdAt, commandLine: [] };
    writeFileSync(join(runs, id, 'run.json'), JSON.stringify(record));
    writeFileSync(join(runs, id, 'metrics.json'), JSON.stringify({ 'clean/top1': (i % 100) / 100 }));
    const journal = await Journal.create(join(runs, id, 'journal.jsonl'));
    journal.appendSync({ type: 'state', state: 'RUNNING' });
    for (let k = 0; k < 20; k++) journal.appendSync({ type: 'metric', key: 'm', value: k });
    journal.appendSync({ type: 'state', state: 'COMPLETED' });
    await journal.close();
  }
  for (const args of [['runs'], ['runs', '--sort', 'clean/top1', '--limit', '10']]) {
    let best = Infinity;
    for (let i = 0; i < 5; i++) {
      const env = { ...process.env, SHIELD_RUNS: runs };
      best = Math.min(best, await seconds(() => spawnSync(process.execPath, [program, ...args], { env })));
    }
    show(`shield ${args.join(' ')} of ${RUNS} runs, best of 5`, `${best.toFixed(2)} s`);
  }
}

async function benchServer(program) {
  const port = 20_000 + (process.pid % 20_000);
  const uri = `http://127.0.0.1:${port}`;
  const stores = [
    '--backend-store-uri',
    `sqlite:///${join(folder, 'm.db')}`,
    '--artifacts-destination',
    join(folder, 'a'),
  ];
  const args = ['server', '--host', '127.0.0.1', '--port', String(port), '--workers', '1', ...stores];
  const server = spawn(program, args, { cwd: folder, stdio: 'ignore', detached: true });
  try {
    while (
      !(await fetch(`${uri}/health`).then(
        ({ ok }) => ok,
        () => false,
      ))
    )
      await sleep(200);
    const post = async (path, body) => {
      const headers = { 'content-type': 'application/json' };
      const response = await fetch(`${uri}/api/2.0/mlflow/${path}`, {
        method: 'POST',
        headers,
        body: JSON.stringify(body),
      });
      return response.json();
    };
    const { experiment_id } = await post('experiments/create', { name: 'bare' });
    const points = Array.from({ length: POINTS }, (_, i) => ({
      key: `m${i % 10}`,
      value: i,
      step: i,
      timestamp: 1.7e12 + i,
    }));
    // In turns, the best of each: the first batches find a server that has yet to warm up.
    let [bare, fed] = [Infinity, Infinity];
    for (let turn = 0; turn < 3; turn++) {
      const { run } = await post('runs/create', { experiment_id });
      const batches = async () => {
        for (let i = 0; i < POINTS; i += 1000)
          await post('runs/log-batch', { run_id: run.info.run_id, metrics: points.slice(i, i + 1000) });
      };
      bare = Math.min(bare, await seconds(batches));
      const recorded = await recordedRun(`points ${turn}`, POINTS);
      const experiment = { name: 'shield' };
      const settings = { uri, experiment, timeoutMs: 60_000, retries: 0, backoffMs: 100, insecureTls: false };
      fed = Math.min(fed, await seconds(() => new MlflowFeeder(recorded, settings).pass()));
    }
    show(`${POINTS} points, bare batches of 1,000`, `${bare.toFixed(2)} s`);
    show(`${POINTS} points from the journal, with run, params, files`, `${fed.toFixed(2)} s`);
    const code = `import time, mlflow
from mlflow.entities import Metric
client = mlflow.MlflowClient(${JSON.stringify(uri)})
run = client.create_run(client.create_experiment('python')).info.run_id
start = time.time()
for i in range(0, ${POINTS}, 1000):
    client.log_batch(run, [Metric(f'm{k % 10}', k, 1700000000000 + k, k) for k in range(i, i + 1000)])
print(f'{time.time() - start:.2f}')
start = time.time()
for k in range(200): client.log_metric(run, 'one', k, step=k)
print(f'{(time.time() - start) * 5:.1f}')`;
    const { stdout } = spawnSync(join(dirname(program), 'python'), ['-c', code], { encoding: 'utf8' });
    const [batches, single] = stdout.trim().split('\n');
    show(`${POINTS} points, MLflow's Python client, batches of 1,000`, `${batches} s`);
    show(`a point, MLflow's Python client, log_metric (waited for)`, `${single} ms`);
  } finally {
    process.kill(-server.pid, 'SIGKILL');
  }
}

const PARTS = {
  journal: benchJournal,
  share: async () => {
    for (const spec of ['smoke', 'cw-l2-slq']) await benchShare(spec);
  },
  sacred: benchSacred,
  runs: benchRuns,
  server: async () => {
    const mlflow = process.env.SHIELD_MLFLOW ?? join(cacheDir(), 'mlflow', 'bin', 'mlflow');
    if (existsSync(mlflow)) await benchServer(mlflow);
    else console.log(`no server: there is no ${mlflow}`);
  },
};

try {
  const named = process.argv.slice(2);
  for (const [name, bench] of Object.entries(PARTS)) if (named.length === 0 || named.includes(name)) await bench();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
