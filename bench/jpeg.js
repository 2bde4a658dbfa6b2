/*
 * The JPEG kernel beside Pillow and sharp: milliseconds for an image of 299×299, one thread each, measured by turns in one
 * run so that what else the machine does meets all alike.
 *
 *     SHIELD_BENCH_PYTHON=python3 node bench/jpeg.js [FOLDER]
 *
 * FOLDER holds photos (by default the optional test data; drawn pictures where there is neither). Without
 * SHIELD_BENCH_PYTHON Pillow is left out. Given is for each image its best round, and of these the mean; the median of
 * all rounds stands beside it, and says how busy the machine was.
 */
import { cpus } from 'node:os';
import sharp from 'sharp';
import { Random } from '../packages/core/dist/index.js';
import { sharedPath } from '../packages/core/dist/testing/shared-data.js';
import { codecKind, jpegRoundTrip, slqRoundTrip } from '../packages/defenses/dist/jpeg-kernel/kernel.js';
import { patchGrid } from '../packages/defenses/dist/jpeg-kernel/patch-qualities.js';
import { clock, photos, startPeer, summary, timed, timedSlowly } from './beside.js';

const SIDE = 299;
const ROUNDS = 60;
const COUNT = 20;
const QUALITIES = [20, 40, 60, 80];

sharp.concurrency(1);
const images = await photos(process.argv[2] ?? sharedPath('data/nips2017/images'), COUNT, SIDE);
const peer = await startPeer(process.env.SHIELD_BENCH_PYTHON, 'jpeg_pillow.py', images);

const settings = { subsampling: '4:2:0', idct: 'islow' };
const offset = { y: 0, x: 0 };
const { rows, columns } = patchGrid(SIDE, SIDE, 8, offset);
const random = new Random('bench');
const choices = images.map(() => Uint8Array.from({ length: rows * columns }, () => random.integer(4)));
const slq = (image, i) => slqRoundTrip(image, { qualities: QUALITIES, patch: 8, offset, choice: choices[i] }, settings);

const contestants = [
  { name: 'jpeg 75, kernel', round: () => timed(images, (image) => jpegRoundTrip(image, 75, settings)) },
  { name: 'jpeg 75, sharp', round: () => timedSlowly(images, (image) => bySharp(image, 75)) },
  ...(peer ? [{ name: 'jpeg 75, Pillow', round: () => peer.round('jpeg 75') }] : []),
  { name: 'slq 20 40 60 80, kernel', round: () => timed(images, slq) },
  ...(peer ? [{ name: 'slq 20 40 60 80, four Pillow trips and numpy', round: () => peer.round('slq') }] : []),
];
const all = contestants.map(() => []);
for (let round = -15; round < ROUNDS; round++) {
  for (const [k, { round: run }] of contestants.entries()) {
    const times = await run();
    if (round >= 0) all[k].push(times);
  }
}
peer?.stop();

const { model } = cpus()[0];
const megahertz = clock();
console.log(
  `${images.length} images of ${SIDE}×${SIDE}, 4:2:0; kernel: ${codecKind()}; ${model}, ${megahertz.toFixed(0)} MHz`,
);
if (peer) console.log(peer.versions);
console.log(`\n${'ms an image'.padEnd(46)}  best  median  cycles a pixel`);
const best = {};
contestants.forEach(({ name }, k) => {
  const { best: least, median } = summary(all[k]);
  best[name] = least;
  const cycles = ((least / 1e3) * megahertz * 1e6) / SIDE ** 2;
  console.log(`${name.padEnd(46)} ${least.toFixed(3)}   ${median.toFixed(3)}  ${cycles.toFixed(1)}`);
});
if (peer) {
  const times = (a, b) => (best[a] / best[b]).toFixed(2);
  console.log(
    `\njpeg: ${times('jpeg 75, Pillow', 'jpeg 75, kernel')} times as fast as one Pillow round trip (wanted: 2)`,
  );
  console.log(`slq: ${times('jpeg 75, Pillow', 'slq 20 40 60 80, kernel')} times as fast as one (wanted: 1),`);
  const original = 'slq 20 40 60 80, four Pillow trips and numpy';
  console.log(`     ${times(original, 'slq 20 40 60 80, kernel')} times as fast as four and numpy (wanted: 8)`);
}

async function bySharp({ data, height, width }, quality) {
  const file = await sharp(data, { raw: { height, width, channels: 3 } })
    .jpeg({ quality, chromaSubsampling: '4:2:0', mozjpeg: false, optimiseCoding: false })
    .toBuffer();
  return sharp(file).raw().toBuffer();
}
