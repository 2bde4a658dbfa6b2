/*
 * Goes through TFRecords as a run does, once for each line of its input; for bench/records.js. Batches of 32, 299×299.
 * "same": the accurate inverse DCT and a triangle as wide as the scale. "plain": the fast one, and two samples a side, as TensorFlow 1 does.
 */
import { createInterface } from 'node:readline';
import { plugins } from '../packages/datasets/dist/index.js';
import { inputBatches } from '../packages/core/dist/pipeline/input-batches.js';
import { returnPixels } from '../packages/core/dist/pipeline/pixel-memory.js';

const [, , , path, once] = process.argv;
const signal = new AbortController().signal;
const context = {
  resolvePath: (each) => each,
  signal,
  warn: console.error,
  log: () => undefined,
  opened: () => undefined,
};
const plugin = plugins.find(({ name }) => name === 'imagenet');

const HOW = {
  same: { idct: 'islow', interpolation: 'bilinear' },
  plain: { idct: 'ifast', interpolation: 'bilinear_tf1' },
};

/** Images, seconds, and seconds of CPU over all threads; or, of "mean" and a name, what all samples are on the average. */
async function pass(line) {
  const [name, mean] = line.split(' ').reverse();
  const start = performance.now();
  const before = process.cpuUsage();
  const preprocess = { resize: 'stretch', crop: 1, ...HOW[name] };
  const dataset = await plugin.open(
    { path, split: 'validation', range: 'auto', label_offset: -1, preprocess },
    context,
  );
  const size = { height: 299, width: 299 };
  const options = { batch: 32, size, preprocess, onCorrupt: 'fail', classes: 1000, signal, needed: () => true };
  let [count, total] = [0, 0];
  for await (const { ids, pixels } of inputBatches(dataset, options)) {
    count += ids.length;
    if (mean) total += (pixels.reduce((sum, value) => sum + value, 0) / pixels.length) * ids.length;
    returnPixels(pixels);
  }
  if (mean) return `${total / count}`;
  const { user, system } = process.cpuUsage(before);
  return `${count} ${(performance.now() - start) / 1000} ${(user + system) / 1e6}`;
}

if (once) console.log(await pass('same'));
else for await (const name of createInterface({ input: process.stdin })) console.log(await pass(name));
