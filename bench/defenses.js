/*
 * Defenses beside SciPy, scikit-image and OpenCV: milliseconds for an image of 224×224, one thread each, measured by turns
 * in one run so that what else the machine does meets all alike.
 *
 *     SHIELD_BENCH_PYTHON=python3 node bench/defenses.js [FOLDER]
 *
 * FOLDER holds photos (by default the optional test data; drawn pictures where there is neither). Without
 * SHIELD_BENCH_PYTHON the peers are left out. Given is for each image its best round, and of these the mean; the median of
 * all rounds stands beside it, and says how busy the machine was. Below that: how near the differentiable JPEG comes to
 * the codec that it stands for.
 */
import { cpus } from 'node:os';
import * as tf from '@tensorflow/tfjs-core';
import { Random, openBackend } from '../packages/core/dist/index.js';
import { sharedPath } from '../packages/core/dist/testing/shared-data.js';
import { plugins } from '../packages/defenses/dist/index.js';
import { clock, photos, startPeer, summary, timedSlowly } from './beside.js';

const SIDE = 224;
const ROUNDS = 6;
const COUNT = 8;

const CONTESTS = [
  ['median_filter 2', { size: 2 }],
  ['median_filter 3', {}],
  ['median_filter 5', { size: 5 }],
  ['median_filter 3 across channels', { across_channels: true }],
  ['tv_bregman 30', {}],
  ['tv_bregman 5', { weight: 5 }],
  ['tv_bregman 30 anisotropic', { isotropic: false }],
  ['gaussian_blur 1', {}],
  ['non_local_means 13-3-4', {}],
  ['bit_depth 5', {}],
  ['resize_pad', {}],
  ['random_crop_ensemble', {}],
  ['tvm', {}],
  ['webp 75', {}],
  ['avif 50', {}],
];

const levels = await photos(process.argv[2] ?? sharedPath('data/nips2017/images'), COUNT, SIDE);
const floats = levels.map(({ data, ...size }) => ({ ...size, data: Float32Array.from(data, (level) => level / 255) }));
const peer = await startPeer(process.env.SHIELD_BENCH_PYTHON, 'defenses_scipy.py', levels);
const { versions, can } = peer ? JSON.parse(peer.versions) : { versions: '', can: [] };

console.log(`${COUNT} images of ${SIDE}×${SIDE}; ${cpus()[0].model}, ${clock().toFixed(0)} MHz`);
if (peer) console.log(versions);
console.log(`\n${'ms an image'.padEnd(34)}    here  (median)    peer  (median)  peer / here`);
for (const [name, options] of CONTESTS) {
  const ours = [];
  const theirs = [];
  const contested = can.includes(name);
  // Those without a peer are slow, some of them, and nobody waits for their exact time.
  for (let round = contested ? -2 : -1; round < (contested ? ROUNDS : 1); round++) {
    const times = [await timed(name.split(' ')[0], options), contested ? await peer.round(name) : undefined];
    if (round < 0) continue;
    ours.push(times[0]);
    if (times[1]) theirs.push(times[1]);
  }
  const [here, there] = [summary(ours), theirs.length > 0 ? summary(theirs) : undefined];
  const figures = ({ best, median }) => `${best.toFixed(2).padStart(8)}  ${`(${median.toFixed(2)})`.padStart(8)}`;
  const beside = there ? `${figures(there)}  ${(there.best / here.best).toFixed(2).padStart(11)}` : '';
  console.log(`${name.padEnd(34)}${figures(here)}${beside}`);
}
peer?.stop();

await openBackend('cpu', { threads: 1, log: () => undefined, warn: console.warn });
console.log(`\n${'pixel levels of 255, on the average'.padEnd(40)} from the codec   at most   codec from the image`);
for (const [name, options] of [
  ['jpeg', { quality: 80 }],
  ['jpeg', { quality: 40 }],
  ['jpeg', { quality: 20 }],
  ['slq', {}],
]) {
  const { mean, most, done } = await nearness(name, options);
  const label = `differentiable ${name} ${options.quality ?? '20 40 60 80'}`;
  console.log(
    `${label.padEnd(40)} ${mean.toFixed(2).padStart(14)} ${most.toFixed(1).padStart(9)} ${done.toFixed(2).padStart(22)}`,
  );
}

function complete(plugin, given) {
  const defaults = Object.entries(plugin.options.properties).map(([key, schema]) => [key, schema.default]);
  return { ...Object.fromEntries(defaults), ...given };
}

function timed(name, given) {
  const plugin = plugins.find((one) => one.name === name);
  const options = complete(plugin, given);
  const images = plugin.takes === 'bytes' ? levels : floats;
  return timedSlowly(images, (image, i) => plugin.apply(image, options, new Random('bench', i)));
}

/** Mean and largest difference of the gradient function's forward pass and the defense; and what the defense does. */
async function nearness(name, given) {
  const plugin = plugins.find((one) => one.name === name);
  const options = complete(plugin, given);
  let [sum, most, done, count] = [0, 0, 0, 0];
  for (const [i, image] of levels.entries()) {
    const { data } = await plugin.apply(image, options, new Random('bench', i));
    const forward = tf.tidy(() => {
      const x = tf.tensor4d(floats[i].data, [1, SIDE, SIDE, 3]);
      return plugin.gradient(x, [new Random('bench', i)], options);
    });
    const soft = forward.dataSync();
    forward.dispose();
    data.forEach((level, k) => {
      const off = Math.abs(255 * soft[k] - level);
      sum += off;
      most = Math.max(most, off);
      done += Math.abs(level - image.data[k]);
      count++;
    });
  }
  return { mean: sum / count, most, done: done / count };
}
