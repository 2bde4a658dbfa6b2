/*
 * What benchmarks of image operations beside a Python peer share: photos, the peer's process, and the machine's clock.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { Random } from '../packages/core/dist/index.js';

/** The first photos of a folder as squares of 8-bit RGB; drawn pictures where there is no folder. */
export async function photos(folder, count, side) {
  if (!folder) {
    console.log('no folder of photos: pictures are drawn instead');
    return Array.from({ length: count }, (_, k) => drawn(k, side));
  }
  const files = readdirSync(folder).filter((name) => /\.(png|jpe?g)$/i.test(name));
  return Promise.all(
    files.slice(0, count).map(async (name) => {
      const image = sharp(join(folder, name)).resize(side, side, { fit: 'fill' }).removeAlpha().toColourspace('srgb');
      return { data: new Uint8Array(await image.raw().toBuffer()), height: side, width: side };
    }),
  );
}

/** Waves with some noise, so that blocks keep about as many coefficients as a photo's. */
function drawn(k, side) {
  const stream = new Random('bench', k);
  const data = Uint8Array.from({ length: side * side * 3 }, (_, i) => {
    const [y, x] = [Math.floor(i / 3 / side), Math.floor(i / 3) % side];
    const wave = Math.sin(((k + 3) * y) / 90) + Math.cos(((i % 3) + x) / (k + 7));
    return Math.min(Math.max(128 + 50 * wave + 12 * stream.normal(), 0), 255);
  });
  return { data, height: side, width: side };
}

/**
 * A Python that times an operation over the images whenever it is told its name; undefined where none is named.
 *
 * @param script beside this file, in peers/: it is given the raw images, their height and width
 */
export async function startPeer(python, script, given) {
  if (!python) {
    console.log('SHIELD_BENCH_PYTHON names no Python: the peers are left out');
    return undefined;
  }
  const folder = mkdtempSync(join(tmpdir(), 'shield-bench-'));
  const file = join(folder, 'images.raw');
  writeFileSync(file, Buffer.concat(given.map(({ data }) => data)));
  const path = fileURLToPath(new URL(`./peers/${script}`, import.meta.url));
  const { height, width } = given[0];
  const child = spawn(python, [path, file, String(height), String(width)], { stdio: ['pipe', 'pipe', 'inherit'] });
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

/** Milliseconds of each image. */
export function timed(images, work) {
  return images.map((image, i) => {
    const start = process.hrtime.bigint();
    work(image, i);
    return Number(process.hrtime.bigint() - start) / 1e6;
  });
}

/** As {@link timed}, of work that is waited for. */
export async function timedSlowly(images, work) {
  const times = [];
  for (const [i, image] of images.entries()) {
    const start = process.hrtime.bigint();
    await work(image, i);
    times.push(Number(process.hrtime.bigint() - start) / 1e6);
  }
  return times;
}

/** Of rounds of times of images: the mean of each image's best, and the median of all. */
export function summary(rounds) {
  const images = rounds[0].map((_, i) => Math.min(...rounds.map((times) => times[i])));
  const sorted = rounds.flat().sort((a, b) => a - b);
  return { best: mean(images), median: sorted[sorted.length >> 1] };
}

/** What the kernel of the system says of the first core, else what Node says. */
export function clock() {
  try {
    return Number(/^cpu MHz\s*: ([\d.]+)/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))[1]);
  } catch {
    return cpus()[0].speed;
  }
}

function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
