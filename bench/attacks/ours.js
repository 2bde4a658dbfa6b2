/*
 * Runs SHIELD's attacks for bench/attacks.js, with the protocol of peers/attacks_peers.py.
 *
 *     node bench/attacks/ours.js IMAGES COUNT THREADS
 *
 * What graphs cost once, to record, load and run for the first time, is given apart, as `once`: an attack is run again
 * where it made graphs; where that would take long, the calls that made them are left out of its time.
 */
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { Random, openBackend } from '../../packages/core/dist/index.js';
import { createTargetModel } from '../../packages/core/dist/pipeline/target-model.js';
import { undefended } from '../../packages/core/dist/pipeline/threat/attacker-view.js';
import { plugins } from '../../packages/attacks/dist/index.js';
import { completeOptions } from '../../packages/core/dist/testing/conformance-case.js';
import { loadModel } from './photos.js';

const [file, count, threads] = process.argv.slice(2);
const log = (line) => console.error(line);
const backend = await openBackend('node', { threads: Number(threads), log, warn: log });
const tf = await import('@tensorflow/tfjs-core');
const model = await loadModel();
const { height, width } = model.inputSize;
const length = height * width * 3;
const bytes = readFileSync(file);
const pixels = new Float32Array(bytes.buffer, bytes.byteOffset, Number(count) * length);
const labels = new Int32Array(bytes.buffer, bytes.byteOffset + pixels.byteLength, Number(count));

/** Longer attacks are not run again only because they made graphs. */
const LONG_SECONDS = 20;

/** Graphs belong to an attack with its options, as in a run. */
const targets = new Map();
function targetOf(request) {
  const key = JSON.stringify([request.attack, request.options]);
  if (!targets.has(key)) {
    const passes = { forwards: 0, gradients: 0 };
    const once = { seconds: 0, cpu: 0 };
    const target = createTargetModel({
      view: undefended(model),
      backend: { ...backend, capture: (...args) => notingGraphs(backend.capture(...args), once) },
      capture: true,
      count: (rows, cost) => {
        passes.forwards += rows.length * cost.forwards;
        passes.gradients += rows.length * cost.gradients;
      },
    });
    targets.set(key, { target, passes, once });
  }
  return targets.get(key);
}

/** Adds up the time of the calls that make graphs. */
function notingGraphs(captured, once) {
  const graphs = () => tf.backend().binding.getNumOfSavedModels();
  const call = (...inputs) => {
    const before = graphs();
    const stop = stopwatch();
    const outputs = captured(...inputs);
    if (graphs() > before) {
      const { seconds, cpu } = stop();
      once.seconds += seconds;
      once.cpu += cpu;
    }
    return outputs;
  };
  return Object.assign(call, { dispose: () => captured.dispose() });
}

const plain = targetOf({ attack: 'gradient', options: {} }).target;
const gradient = plain.compile('gradient', { forwards: 0, gradients: 1 }, (x, marked) => [
  tf.grad((input) => tf.neg(tf.sum(tf.mul(tf.logSoftmax(plain.logits(input)), marked))))(x),
]);

async function answer(request) {
  if (request.attack === 'gradient') return timeGradient(request);
  const entry = targetOf(request);
  const before = { ...entry.once };
  const first = await run(request, entry);
  const made = { seconds: entry.once.seconds - before.seconds, cpu: entry.once.cpu - before.cpu };
  const once = { once: entry.once.seconds };
  if (made.seconds === 0) return { ...first, ...once };
  const rest = { seconds: first.seconds - made.seconds, cpu: first.cpu - made.cpu };
  return rest.seconds > LONG_SECONDS ? { ...first, ...rest, ...once } : { ...(await run(request, entry)), ...once };
}

async function run(request, { target, passes }) {
  const { images: n, batch } = request;
  const plugin = plugins.find(({ name }) => name === request.attack);
  const { target: aim, ...given } = request.options;
  const options = completeOptions(plugin, given);
  const targets = aim === 'second' ? secondClasses(n) : undefined;
  Object.assign(passes, { forwards: 0, gradients: 0 });
  const attacked = [];
  const stop = stopwatch();
  for (let from = 0; from < n; from += batch) {
    const size = Math.min(batch, n - from);
    const images = tf.tensor4d(pixels.slice(from * length, (from + size) * length), [size, height, width, 3]);
    const input = {
      model: target,
      images,
      labels: labels.slice(from, from + size),
      ...(targets ? { targets: targets.slice(from, from + size) } : {}),
      ids: Array.from({ length: size }, (_, i) => String(from + i)),
      random: (i, draw = 0) => new Random(request.seed, 'attack', String(from + i), draw),
      checkpoint: async () => undefined,
    };
    const output = await plugin.run(input, options);
    attacked.push(await output.images.data());
    tf.dispose([images, output.images]);
  }
  const took = stop();
  const spent = { forwards: (passes.forwards + passes.gradients) / n, gradients: passes.gradients / n };
  return { ...took, ...judge(attacked, targets), ...spent };
}

/** The class with the second highest logit of each image: the highest, all of them being right. */
function secondClasses(n) {
  return Int32Array.from({ length: n }, (_, i) => {
    const logits = tf.tidy(() =>
      model.logits(tf.tensor4d(pixels.slice(i * length, (i + 1) * length), [1, height, width, 3])).dataSync(),
    );
    return logits.reduce(
      (best, value, k) => (k !== labels[i] && value > logits[best] ? k : best),
      labels[i] === 0 ? 1 : 0,
    );
  });
}

/** Success by the network itself, op by op; norms in [0, 1] units. */
function judge(batches, targets) {
  const success = [];
  const norms = { l0: [], l1: [], l2: [], linf: [] };
  for (const values of batches) {
    const size = values.length / length;
    const said = tf.tidy(() => tf.argMax(model.logits(tf.tensor4d(values, [size, height, width, 3])), 1).dataSync());
    for (let i = 0; i < size; i++) {
      const at = success.length;
      success.push(targets ? said[i] === targets[at] : said[i] !== labels[at]);
      let [l0, l1, squares, linf] = [0, 0, 0, 0];
      for (let k = 0; k < length; k++) {
        const change = Math.abs(values[i * length + k] - pixels[at * length + k]);
        if (change > 0) l0++;
        l1 += change;
        squares += change ** 2;
        linf = Math.max(linf, change);
      }
      Object.entries({ l0, l1, l2: Math.sqrt(squares), linf }).forEach(([name, value]) => norms[name].push(value));
    }
  }
  return { success, ...norms };
}

/** Seconds by the wall, and of the processors: the second is what busy neighbours change least. */
function stopwatch() {
  const [start, before] = [performance.now(), process.cpuUsage()];
  return () => {
    const { user, system } = process.cpuUsage(before);
    return { seconds: (performance.now() - start) / 1000, cpu: (user + system) / 1e6 };
  };
}

function timeGradient({ images: n, batch }) {
  const parts = Array.from({ length: Math.ceil(n / batch) }, (_, b) => {
    const [from, to] = [b * batch, Math.min(n, (b + 1) * batch)];
    const marked = tf.tidy(() => tf.cast(tf.oneHot(labels.slice(from, to), model.classes), 'float32'));
    return [tf.tensor4d(pixels.slice(from * length, to * length), [to - from, height, width, 3]), marked];
  });
  const stop = stopwatch();
  for (const [x, marked] of parts) {
    const [slope] = gradient([], x, marked);
    slope.dataSync();
    slope.dispose();
  }
  const took = stop();
  tf.dispose(parts);
  return { ...took, forwards: 1, gradients: 1 };
}

console.log(JSON.stringify({ versions: { ours: backend.description } }));
for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await answer(JSON.parse(line))));
}
