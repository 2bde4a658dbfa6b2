/*
 * A training step of EfficientNet-Lite0 (forward with batch statistics and dropout, backward, SGD with momentum) beside
 * PyTorch, on the same number of threads and taking turns in one run, so that what else the machine does meets both.
 *
 *     node bench/training.js --python python3 [--threads 2] [--size 160] [--batch 32] [--rounds 9] [--eager]
 *
 * --python names a Python with torch (else $SHIELD_BENCH_PYTHON; without either PyTorch is left out). Given are medians
 * over the rounds, and the median of the ratios round by round. The step is the one that `perform: [train]` makes;
 * preparing the images is not in it, on either side. --eager adds the same step without its graph.
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { AssetCache, Random, createStepper, openBackend } from '../packages/core/dist/index.js';
import { plugins } from '../packages/models/dist/index.js';

const text = { type: 'string' };
const { values } = parseArgs({
  options: { threads: text, size: text, batch: text, rounds: text, python: text, eager: { type: 'boolean' } },
});
const threads = Number(values.threads ?? 2);
const size = Number(values.size ?? 160);
const batch = Number(values.batch ?? 32);
const rounds = Number(values.rounds ?? 9);
const python = values.python ?? process.env.SHIELD_BENCH_PYTHON;
const classes = 10;

const log = (line) => console.error(line);
const backend = await openBackend('node', { threads, log, warn: log });
const lite0 = plugins.find(({ name }) => name === 'efficientnet_lite0');
const context = {
  assets: new AssetCache({ log }),
  resolvePath: (path) => path,
  random: (...name) => new Random('bench', ...name),
  signal: new AbortController().signal,
  training: true,
  log,
  warn: log,
  opened: () => undefined,
};
const spec = {
  optimizer: 'sgd',
  momentum: 0.9,
  weight_decay: 0,
  label_smoothing: 0,
  layers: 'all',
  statistics: 'batch',
  statistics_momentum: 0.9,
};
const random = new Random('bench', 'images');
const images = {
  ids: Array.from({ length: batch }, (_, i) => `image ${i}`),
  labels: Array.from({ length: batch }, (_, i) => i % classes),
  pixels: Float32Array.from({ length: batch * size * size * 3 }, () => random.uniform()),
};

async function contestant(captures) {
  const model = await lite0.load({ weights: 'pretrained', size, classes }, context);
  const eager = (_, step) => {
    const run = (...inputs) => tf.tidy(() => step(...inputs));
    return Object.assign(run, { dispose: () => undefined });
  };
  const stepper = createStepper(model, captures ? backend : { ...backend, captureStep: eager }, spec);
  let step = 0;
  return async () => {
    const start = performance.now();
    await stepper.train(images, { step, learningRate: 0.01 }, (i) => ['bench', step, i]);
    step++;
    return performance.now() - start;
  };
}

const tf = await import('@tensorflow/tfjs-core');
const peer = python ? await startPeer(python) : undefined;
const contestants = {
  graph: await contestant(true),
  ...(values.eager ? { eager: await contestant(false) } : {}),
  ...(peer ? { PyTorch: peer.round } : {}),
};
const times = {};
const first = {};
for (let round = -2; round < rounds; round++) {
  for (const [name, run] of Object.entries(contestants)) {
    const ms = await run();
    if (round >= 0) (times[name] ??= []).push(ms);
    else if (round === -2) first[name] = ms;
  }
}
peer?.stop();

console.log(`EfficientNet-Lite0 training step, ${size} px, batch ${batch}, ${threads} thread(s), ${rounds} rounds`);
console.log(`${backend.description}${peer ? `; PyTorch ${peer.version}` : ''}\n`);
console.log('             ms a step   to PyTorch   first, s');
for (const [name, all] of Object.entries(times)) {
  const ratio = times.PyTorch ? median(all.map((ms, i) => ms / times.PyTorch[i])).toFixed(2) : '–';
  const once = (first[name] / 1000).toFixed(1);
  console.log(`${name.padEnd(10)}${median(all).toFixed(0).padStart(12)}${ratio.padStart(13)}${once.padStart(11)}`);
}

function median(all) {
  const sorted = [...all].sort((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
}

/** PyTorch in a process of its own, which makes one step for each line that it is sent. */
async function startPeer(command) {
  const script = fileURLToPath(new URL('./peers/lite0_training_torch.py', import.meta.url));
  const env = { ...process.env, OMP_NUM_THREADS: String(threads), MKL_NUM_THREADS: String(threads) };
  const given = [batch, size, classes, threads].map(String);
  const child = spawn(command, [script, ...given], { env, stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`${command} ended: it needs torch`);
    return JSON.parse(value);
  };
  const { version } = await next();
  return {
    version,
    round: async () => {
      child.stdin.write('step\n');
      return (await next()).ms;
    },
    stop: () => child.stdin.end(),
  };
}
