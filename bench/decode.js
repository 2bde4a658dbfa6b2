/*
 * Decoding JPEG files as TensorFlow does (preprocess.idct: ifast) beside sharp (islow): milliseconds for a photo of 433×433,
 * as many pixels as 500×375, one file after another, measured by turns in one run so that what else the machine does meets
 * both alike.
 *
 *     node bench/decode.js [FOLDER]
 *
 * FOLDER holds photos (by default the optional test data; drawn pictures where there is neither). Given is for each file its
 * best round, and of these the mean; the median of all rounds stands beside it, and says how busy the machine was.
 */
import { cpus } from 'node:os';
import sharp from 'sharp';
import { decodeImage } from '../packages/core/dist/index.js';
import { sharedPath } from '../packages/core/dist/testing/shared-data.js';
import { photos, summary, timedSlowly } from './beside.js';

const SIDE = 433;
const ROUNDS = 40;
const COUNT = 20;
const KINDS = {
  'baseline, 4:2:0': { quality: 90 },
  'baseline, 4:4:4': { quality: 95, chromaSubsampling: '4:4:4' },
  'progressive, 4:2:0': { quality: 90, progressive: true },
};

const images = await photos(process.argv[2] ?? sharedPath('data/nips2017/images'), COUNT, SIDE);
console.log(`${images.length} photos of ${SIDE}×${SIDE}; ${cpus()[0].model}`);
console.log(`\n${'ms a photo, best (median)'.padEnd(28)}  kB   here, ifast     sharp, islow    here / sharp`);
for (const [name, options] of Object.entries(KINDS)) {
  const files = await Promise.all(
    images.map(({ data, height, width }) =>
      sharp(data, { raw: { height, width, channels: 3 } })
        .jpeg(options)
        .toBuffer(),
    ),
  );
  const rounds = { ifast: [], islow: [] };
  for (let round = -10; round < ROUNDS; round++) {
    for (const idct of ['ifast', 'islow']) {
      const times = await timedSlowly(files, (file) => decodeImage(file, name, name, idct));
      if (round >= 0) rounds[idct].push(times);
    }
  }
  const [here, beside] = [summary(rounds.ifast), summary(rounds.islow)];
  const size = files.reduce((sum, { length }) => sum + length, 0) / files.length / 1e3;
  const of = ({ best, median }) => `${best.toFixed(2)} (${median.toFixed(2)})`.padEnd(16);
  console.log(
    `${name.padEnd(28)} ${size.toFixed(0).padStart(3)}   ${of(here)}${of(beside)}${(here.best / beside.best).toFixed(2)}`,
  );
}
