/*
 * The images that every library is given: the photos of the NIPS 2017 set, or of the sample, that EfficientNet-Lite0
 * gets right, at its input size.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AssetCache, Random, openBackend } from '../../packages/core/dist/index.js';
import { inputBatches } from '../../packages/core/dist/pipeline/input-batches.js';
import { completeOptions } from '../../packages/core/dist/testing/conformance-case.js';
import { plugins as datasets } from '../../packages/datasets/dist/index.js';
import { plugins as models } from '../../packages/models/dist/index.js';

const log = (line) => console.error(line);

/** Photos decoded at a time. */
const BATCH = 20;

const context = {
  assets: new AssetCache({ log }),
  resolvePath: (path) => path,
  random: (...name) => new Random('bench', ...name),
  signal: new AbortController().signal,
  log,
  warn: log,
  opened: () => undefined,
};

export async function loadModel(onFile = () => undefined) {
  const plugin = models.find(({ name }) => name === 'efficientnet_lite0');
  return plugin.load(completeOptions(plugin, {}), { ...context, opened: onFile });
}

/**
 * Pixels (float32 [n, h, w, 3]) and labels of the first `count` photos that the model gets right.
 *
 * @param folder of the NIPS 2017 set (images.csv and images/); the sample photos where there is none
 */
export async function rightPhotos(tf, model, count, folder) {
  const plugin = datasets.find(({ name }) => name === (folder ? 'nips2017' : 'sample_photos'));
  const dataset = await plugin.open(completeOptions(plugin, folder ? { path: folder } : {}), context);
  const input = {
    batch: Math.min(dataset.size, BATCH),
    size: model.inputSize,
    preprocess: { resize: 'stretch', interpolation: 'bicubic', crop: 1 },
    onCorrupt: 'fail',
    classes: model.classes,
    signal: context.signal,
    needed: () => true,
  };
  const { height, width } = model.inputSize;
  const length = height * width * 3;
  const found = { pixels: [], labels: [] };
  for await (const { pixels, labels } of inputBatches(dataset, input)) {
    const said = tf.tidy(() =>
      tf.argMax(model.logits(tf.tensor4d(pixels, [labels.length, height, width, 3])), 1).dataSync(),
    );
    for (const [i, label] of labels.entries()) {
      if (said[i] !== label || found.labels.length === count) continue;
      found.pixels.push(pixels.slice(i * length, (i + 1) * length));
      found.labels.push(label);
    }
    if (found.labels.length === count) break;
  }
  const kept = new Float32Array(found.labels.length * length);
  found.pixels.forEach((values, row) => kept.set(values, row * length));
  return { pixels: kept, labels: Int32Array.from(found.labels) };
}

/** The images and labels of {@link rightPhotos} in a file, for every contestant, and the network's own file. */
export async function writePhotos(folder, most, photos) {
  await openBackend('node', { threads: 1, log, warn: log });
  const tf = await import('@tensorflow/tfjs-core');
  let checkpoint;
  const model = await loadModel((path) => (checkpoint = path));
  const { pixels, labels } = await rightPhotos(tf, model, most, photos);
  const file = join(folder, 'images.raw');
  writeFileSync(file, Buffer.concat([Buffer.from(pixels.buffer), Buffer.from(labels.buffer)]));
  model.dispose();
  return { file, count: labels.length, checkpoint };
}
