/*
 * What a defense adds to an evaluation: photos read, resized and named by EfficientNet-Lite0 at 224 px, with and without a
 * defense between, by the evaluation stage of a run, in one process on the same threads. The photos are taken in four
 * parts and the contestants take turns at each, so that what else the machine does meets all alike.
 *
 *     node bench/overlap.js FOLDER [--images 1000] [--threads 2] [--batch 32] [--only jpeg,slq]
 *
 * FOLDER holds photos, a folder for each class. --only names the defenses that are wanted. A random defense has one draw
 * here: five draws are five passes of the network. CPU time is that of all threads; unlike the wall's it says much the same
 * on a machine that is busy with other things.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { AssetCache, Random, openBackend } from '../packages/core/dist/index.js';
import { ArtifactStore } from '../packages/core/dist/pipeline/artifact-store.js';
import { AS_THEY_ARE, judgeStage } from '../packages/core/dist/pipeline/judge.js';
import { cleanSource } from '../packages/core/dist/pipeline/pipeline.js';
import { createPredictor } from '../packages/core/dist/pipeline/predictor.js';
import { silentReporter } from '../packages/core/dist/pipeline/reporter.js';
import { WHOLE } from '../packages/core/dist/pipeline/shard.js';
import { plugins as datasets } from '../packages/datasets/dist/index.js';
import { plugins as defenses } from '../packages/defenses/dist/index.js';
import { plugins as models } from '../packages/models/dist/index.js';

const text = { type: 'string' };
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { images: text, threads: text, batch: text, only: text },
});
const images = Number(values.images ?? 1000);
const threads = Number(values.threads ?? 2);
const batch = Number(values.batch ?? 32);
const PARTS = 4;
const CONTESTS = [
  ['jpeg 80', { quality: 80 }],
  ['slq 20 40 60 80', {}],
  ['median_filter 3', {}],
  ['tv_bregman 30', {}],
  ['gaussian_blur 1', {}],
  ['webp 75', {}],
].filter(([title]) => !values.only || values.only.split(',').includes(title.split(' ')[0]));

const log = (line) => console.error(line);
const { signal } = new AbortController();
const loading = {
  assets: new AssetCache({ log }),
  resolvePath: (path) => path,
  random: (...name) => new Random(0, ...name),
  signal,
  log,
  warn: log,
  opened: () => undefined,
};
const backend = await openBackend('node', { threads, log, warn: log });
const named = (plugins, name) => plugins.find((plugin) => plugin.name === name);
const model = await named(models, 'efficientnet_lite0').load(
  { weights: 'pretrained', size: 224, classes: 1000 },
  loading,
);
const predictor = createPredictor(model, backend, { k: 1, images });
const folder = mkdtempSync(join(tmpdir(), 'shield-overlap-'));

const paths = [
  AS_THEY_ARE,
  ...CONTESTS.map(([title, options]) => {
    const name = title.split(' ')[0];
    const plugin = named(defenses, name);
    const step = { name, plugin, options: { ...defaults(plugin), ...options } };
    return { name: title, defense: { name: title, steps: [step] } };
  }),
];
const spent = paths.map(() => ({ wall: 0, cpu: 0 }));
// The first turn warms graphs and kernels up.
for (let part = -1; part < PARTS; part++) {
  for (const [i, path] of paths.entries()) {
    const took = await evaluated(path, Math.max(part, 0));
    if (part < 0) continue;
    spent[i].wall += took.wall;
    spent[i].cpu += took.cpu;
  }
}
console.log(`${images} photos, EfficientNet-Lite0 at 224 px, batches of ${batch}, ${threads} thread(s)`);
console.log(`${backend.description}\n\n${'defense'.padEnd(18)} ms a photo   to none     CPU ms   to none`);
paths.forEach(({ name }, i) => {
  const figures = ['wall', 'cpu'].map((clock) => {
    const each = ((1000 * spent[i][clock]) / images).toFixed(2);
    return `${each.padStart(10)} ${(spent[i][clock] / spent[0][clock]).toFixed(3).padStart(9)}`;
  });
  console.log(`${name.padEnd(18)} ${figures.join(' ')}`);
});
rmSync(folder, { recursive: true });

/** Seconds that the evaluation stage takes for one part of the photos by one path, by the wall and of CPU. */
async function evaluated(path, part) {
  const limit = Math.floor(images / PARTS);
  const files = named(datasets, 'image_folder');
  const options = { ...defaults(files), path: positionals[0], shuffle: true, skip: part * limit, limit };
  const context = {
    spec: { seed: 1, batch, handover: 'round', evaluate: { top: [1], draws: 1 } },
    dataset: await files.open(options, loading),
    preprocess: { resize: 'stretch', interpolation: 'bicubic', crop: 1 },
    onCorrupt: 'fail',
    model,
    predictor,
    store: new ArtifactStore(mkdtempSync(join(folder, 'turn-')), () => undefined),
    baseKey: {},
    reporter: silentReporter,
    shard: WHOLE,
    signal,
    emit: () => undefined,
  };
  const [start, before] = [performance.now(), process.cpuUsage()];
  await judgeStage(context, cleanSource(context), [path]);
  const { user, system } = process.cpuUsage(before);
  return { wall: (performance.now() - start) / 1000, cpu: (user + system) / 1e6 };
}

function defaults({ options }) {
  return Object.fromEntries(Object.entries(options.properties).map(([key, schema]) => [key, schema.default]));
}
