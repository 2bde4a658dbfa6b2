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
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import sharp from 'sharp';
import { Random } from '../packages/core/dist/index.js';
import { sharedPath } from '../packages/core/dist/testing/shared-data.js';
import { codecKind, jpegRoundTrip, slqRoundTrip } from '../packages/defenses/dist/jpeg-kernel/kernel.js';
import { patchGrid } from '../packages/defenses/dist/jpeg-kernel/patch-qualities.js';

const SIDE = 299;
const ROUNDS = 60;
const COUNT = 20;
const QUALITIES = [20, 40, 60, 80];

sharp.concurrency(1);
const images = await photos(process.argv[2] ?? sharedPath('data/nips2017/images'));
const peer = await startPeer(process.env.SHIELD_BENCH_PYTHON, images);

const settings = { subsampling: '4:2:0', idct: 'islow' };
const offset = { y: 0, x: 0 };
const { rows, columns } = patchGrid(SIDE, SIDE, 8, offset);
const random = new Random('bench');
const choices = images.map(() => Uint8Array.from({ length: rows * columns }, () => random.integer(4)));
const slq = (image, i) => slqRoundTrip(image, { qualities: QUALITIES, patch: 8, offset, choice: choices[i] }, settings);

const contestants = [
  { name: 'jpeg 75, kernel', round: () => timed((image) => jpegRoundTrip(image, 75, settings)) },
  { name: 'jpeg 75, sharp', round: () => timedSlowly((image) => bySharp(image, 75)) },
  ...(peer ? [{ name: 'jpeg 75, Pillow', round: () => peer.round('jpeg 75') }] : []),
  { name: 'slq 20 40 60 80, kernel', round: () => timed(slq) },
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
  best[name] = mean(images.map((_, i) => Math.min(...all[k].map((times) => times[i]))));
  const median = all[k].flat().sort((a, b) => a - b)[(ROUNDS * images.length) >> 1];
  const cycles = ((best[name] / 1e3) * megahertz * 1e6) / SIDE ** 2;
  console.log(`${name.padEnd(46)} ${best[name].toFixed(3)}   ${median.toFixed(3)}  ${cycles.toFixed(1)}`);
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

async function photos(folder) {
  if (!folder) {
    console.log('no folder of photos: pictures are drawn instead');
    return Array.from({ length: COUNT }, (_, k) => drawn(k));
  }
  const files = readdirSync(folder).filter((name) => /\.(png|jpe?g)$/i.test(name));
  return Promise.all(
    files.slice(0, COUNT).map(async (name) => {
      const image = sharp(join(folder, name)).resize(SIDE, SIDE, { fit: 'fill' }).removeAlpha().toColourspace('srgb');
      return { data: new Uint8Array(await image.raw().toBuffer()), height: SIDE, width: SIDE };
    }),
  );
}

/** Waves with some noise, so that blocks keep about as many coefficients as a photo's. */
function drawn(k) {
  const stream = new Random('bench', k);
  const data = Uint8Array.from({ length: SIDE * SIDE * 3 }, (_, i) => {
    const [y, x] = [Math.floor(i / 3 / SIDE), Math.floor(i / 3) % SIDE];
    const wave = Math.sin(((k + 3) * y) / 90) + Math.cos(((i % 3) + x) / (k + 7));
    return Math.min(Math.max(128 + 50 * wave + 12 * stream.normal(), 0), 255);
  });
  return { data, height: SIDE, width: SIDE };
}

function timed(work) {
  return images.map((image, i) => {
    const start = process.hrtime.bigint();
    work(image, i);
    return Number(process.hrtime.bigint() - start) / 1e6;
  });
}

async function timedSlowly(work) {
  const times = [];
  for (const image of images) {
    const start = process.hrtime.bigint();
    await work(image);
    times.push(Number(process.hrtime.bigint() - start) / 1e6);
  }
  return times;
}

async function bySharp({ data, height, width }, quality) {
  const file = await sharp(data, { raw: { height, width, channels: 3 } })
    .jpeg({ quality, chromaSubsampling: '4:2:0', mozjpeg: false, optimiseCoding: false })
    .toBuffer();
  return sharp(file).raw().toBuffer();
}

async function startPeer(python, given) {
  if (!python) {
    console.log('SHIELD_BENCH_PYTHON names no Python: Pillow is left out');
    return undefined;
  }
  const folder = mkdtempSync(join(tmpdir(), 'shield-bench-'));
  const file = join(folder, 'images.raw');
  writeFileSync(file, Buffer.concat(given.map(({ data }) => data)));
  const script = new URL('./peers/jpeg_pillow.py', import.meta.url).pathname;
  const child = spawn(python, [script, file, String(SIDE), String(SIDE)], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error('the Python beside it ended');
    return value;
  };
  const versions = await next();
  return {
    versions,
    round: async (command) => {
      child.stdin.write(`${command}\n`);
      return (await next()).split(' ').map(Number);
    },
    stop: () => {
      child.stdin.end();
      rmSync(folder, { recursive: true });
    },
  };
}

/** What the kernel of the system says of the first core, else what Node says. */
function clock() {
  try {
    return Number(/^cpu MHz\s*: ([\d.]+)/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))[1]);
  } catch {
    return cpus()[0].speed;
  }
}

function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
