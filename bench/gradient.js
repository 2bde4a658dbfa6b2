/*
 * EfficientNet-Lite0 at 224 px: forward pass, and forward pass with input gradient of the cross-entropy, beside PyTorch,
 * on the same number of threads and taking turns in one run, so that what else the machine does meets all alike.
 *
 *     SHIELD_BENCH_PYTHON=python3 node bench/gradient.js [--threads 1] [--batch 16] [--rounds 15]
 *
 * SHIELD_BENCH_PYTHON names a Python with torch; without it PyTorch is left out. Given are medians over the rounds in
 * milliseconds an image, and the median of the ratios round by round. "eager" is the native backend op by op, "graph" a
 * captured function, as attacks run it; what a graph costs once, to record, load and run for the first time, stands
 * beside it.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { AssetCache, Random, openBackend } from '../packages/core/dist/index.js';
import { completeOptions } from '../packages/core/dist/testing/conformance-case.js';
import { plugins } from '../packages/models/dist/index.js';

const text = { type: 'string' };
const { values } = parseArgs({ options: { threads: text, batch: text, rounds: text } });
const threads = Number(values.threads ?? 1);
const batch = Number(values.batch ?? 16);
const rounds = Number(values.rounds ?? 15);

const log = (line) => console.error(line);
const backend = await openBackend('node', { threads, log, warn: log });
const tf = await import('@tensorflow/tfjs-core');
const plugin = plugins.find(({ name }) => name === 'efficientnet_lite0');
const model = await plugin.load(completeOptions(plugin, {}), {
  assets: new AssetCache({ log }),
  resolvePath: (path) => path,
  random: (...name) => new Random('bench', ...name),
  signal: new AbortController().signal,
  log,
  warn: log,
  opened: () => undefined,
});

const { height, width } = model.inputSize;
const random = new Random('bench', 'images');
const pixels = Float32Array.from({ length: batch * height * width * 3 }, () => random.uniform());
const images = tf.tensor4d(pixels, [batch, height, width, 3]);
const labels = tf.tensor1d(
  Array.from({ length: batch }, (_, i) => (i * 7) % model.classes),
  'int32',
);
const forward = (x) => [model.logits(x)];
const gradient = (x, y) => [
  tf.grad((input) =>
    tf.neg(tf.sum(tf.mul(tf.logSoftmax(model.logits(input)), tf.cast(tf.oneHot(y, model.classes), 'float32')))),
  )(x),
];

const peer = process.env.SHIELD_BENCH_PYTHON ? await startPeer(process.env.SHIELD_BENCH_PYTHON) : undefined;
const graphs = { forward: backend.capture(forward), gradient: backend.capture(gradient) };
const contestants = {
  forward: {
    eager: () => timed(() => tf.tidy(() => forward(images))),
    graph: () => timed(() => graphs.forward(images)),
    ...(peer ? { PyTorch: () => peer.round('forward') } : {}),
  },
  gradient: {
    eager: () => timed(() => tf.tidy(() => gradient(images, labels))),
    graph: () => timed(() => graphs.gradient(images, labels)),
    ...(peer ? { PyTorch: () => peer.round('gradient') } : {}),
  },
};

const times = {};
const first = {};
for (let round = -2; round < rounds; round++) {
  for (const [task, runs] of Object.entries(contestants)) {
    for (const [name, run] of Object.entries(runs)) {
      const ms = await run();
      if (round >= 0) ((times[task] ??= {})[name] ??= []).push(ms);
      else if (round === -2) (first[task] ??= {})[name] = ms * batch;
    }
  }
}
peer?.stop();

const forwardAndGradient = Math.abs(checkSame());
console.log(`EfficientNet-Lite0, ${height} px, batch ${batch}, ${threads} thread(s), ${rounds} rounds`);
console.log(`${backend.description}${peer ? `; PyTorch ${peer.version}` : ''}`);
console.log(`graph and eager gradient differ by ${forwardAndGradient.toExponential(1)} of the largest value\n`);
console.log('                        ms an image   to PyTorch   first run, s');
for (const [task, byName] of Object.entries(times)) {
  for (const [name, all] of Object.entries(byName)) {
    const ratio = byName.PyTorch ? median(all.map((ms, i) => ms / byName.PyTorch[i])).toFixed(2) : '–';
    const once = (first[task][name] / 1000).toFixed(1);
    const label = `${task === 'forward' ? 'forward' : '+ gradient'}, ${name}`;
    console.log(`${label.padEnd(24)}${median(all).toFixed(1).padStart(11)}${ratio.padStart(13)}${once.padStart(15)}`);
  }
}
model.dispose();

function timed(run) {
  const start = performance.now();
  for (const output of run()) {
    output.dataSync();
    output.dispose();
  }
  return (performance.now() - start) / batch;
}

/** Largest difference of the two gradients, as a share of the largest gradient. */
function checkSame() {
  return tf.tidy(() => {
    const [eager] = gradient(images, labels);
    const [graph] = graphs.gradient(images, labels);
    return tf.div(tf.max(tf.abs(tf.sub(eager, graph))), tf.max(tf.abs(eager))).dataSync()[0];
  });
}

function median(all) {
  const sorted = [...all].sort((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
}

/** PyTorch in a process of its own, which runs one task for each line that it is sent. */
async function startPeer(python) {
  const script = join(fileURLToPath(import.meta.url), '..', 'peers', 'lite0_torch.py');
  const env = { ...process.env, OMP_NUM_THREADS: String(threads), MKL_NUM_THREADS: String(threads) };
  const child = spawn(python, [script, String(batch), String(threads)], { env, stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`${python} ended: it needs torch`);
    return JSON.parse(value);
  };
  const { version } = await next();
  return {
    version,
    round: async (task) => {
      child.stdin.write(`${task}\n`);
      return (await next()).ms;
    },
    stop: () => child.stdin.end(),
  };
}
