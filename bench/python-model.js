/*
 * What the way to Python and back costs: EfficientNet-Lite0 at 224 px as a `python_model`, asked for logits and for input
 * gradients of the cross-entropy from here, beside the same network asked by PyTorch itself; taking turns in one run, on
 * the same number of threads.
 *
 *     node bench/python-model.js --python PYTHON_WITH_TORCH [--threads 1] [--batch 8] [--rounds 9]
 *
 * Given are medians over the rounds in milliseconds an image, and the median of the ratios round by round.
 */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Random, openBackend } from '../packages/core/dist/index.js';
import { completeOptions } from '../packages/core/dist/testing/conformance-case.js';
import { plugins } from '../packages/models/dist/index.js';
import { startPeer } from './networks/peer.js';

const text = { type: 'string' };
const { values } = parseArgs({ options: { python: text, threads: text, batch: text, rounds: text } });
if (!values.python) throw new Error('--python names no Python with PyTorch');
const threads = Number(values.threads ?? 1);
const batch = Number(values.batch ?? 8);
const rounds = Number(values.rounds ?? 9);
const SIZE = 224;

const log = (line) => console.error(line);
await openBackend('node', { threads, log, warn: log });
const tf = await import('@tensorflow/tfjs-core');
const plugin = plugins.find(({ name }) => name === 'python_model');
const file = fileURLToPath(new URL('peers/lite0_network.py', import.meta.url));
const given = { file, function: 'Lite0', python: values.python, size: SIZE, threads, device: 'cpu' };
const context = { resolvePath: (path) => path, signal: new AbortController().signal, log, warn: log, opened: () => undefined }; // prettier-ignore
const model = await plugin.load(completeOptions(plugin, given), context);

const random = new Random('bench', 'images');
const pixels = Float32Array.from({ length: batch * SIZE * SIZE * 3 }, () => random.uniform());
const images = tf.tensor4d(pixels, [batch, SIZE, SIZE, 3]);
const labels = tf.tensor1d(
  Array.from({ length: batch }, (_, i) => (i * 7) % model.classes),
  'int32',
);
const crossEntropy = (x) =>
  tf.neg(tf.sum(tf.mul(tf.logSoftmax(model.logits(x)), tf.cast(tf.oneHot(labels, model.classes), 'float32'))));
const tasks = {
  forward: () => model.logits(images),
  gradient: () => tf.grad(crossEntropy)(images),
};
const peer = await startPeer(values.python, 'lite0_torch.py', [batch, threads], threads);

const times = { forward: [], gradient: [] };
for (let round = -2; round < rounds; round++) {
  for (const [task, run] of Object.entries(tasks)) {
    const start = performance.now();
    tf.tidy(() => {
      run().dataSync();
    });
    const ours = (performance.now() - start) / batch;
    const { ms: theirs } = await peer.round(task);
    if (round >= 0) times[task].push({ ours, theirs });
  }
}
peer.stop();
model.dispose();

console.log(`EfficientNet-Lite0 in PyTorch ${peer.version}, batch ${batch}, ${threads} thread(s), ${rounds} rounds`);
console.log('            from here   by PyTorch itself   ratio');
for (const [task, all] of Object.entries(times)) {
  const column = (which, width) =>
    median(all.map((each) => each[which]))
      .toFixed(1)
      .padStart(width);
  const ratio = median(all.map(({ ours, theirs }) => ours / theirs)).toFixed(2);
  console.log(`${task.padEnd(10)}${column('ours', 11)}${column('theirs', 20)}${ratio.padStart(8)}`);
}
process.exit();

function median(all) {
  const sorted = [...all].sort((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
}
