/*
 * Records beside TensorFlow, on one core and on two: TFRecords read, decoded and resized; records written; ImageNet
 * provisioned; and memory over the number of images.
 *
 *     SHIELD_BENCH_PYTHON=python3 node bench/records.js [read] [write] [provision] [memory]
 *
 * Python needs tensorflow; without SHIELD_BENCH_PYTHON the peers are left out. Processes are held to their cores by
 * taskset. Photos are the optional test data's, scaled to 500×375, or drawn ones. By turns, best round of each.
 */
import { spawn, spawnSync } from 'node:child_process';
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { writeRecords } from '../packages/core/dist/index.js';
import { sharedPath } from '../packages/core/dist/testing/shared-data.js';
import { tarBytes } from '../packages/core/dist/testing/tar-bytes.js';
import { photos } from './beside.js';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const python = process.env.SHIELD_BENCH_PYTHON;
const parts = process.argv.length > 2 ? process.argv.slice(2) : ['read', 'write', 'provision', 'memory'];
const IMAGES = 1200;
/** So many that what starting a process takes is of no account, as with the 50,000 of the validation archive. */
const PROVISIONED = 6000;
const SHARDS = 8;
const ROUNDS = 4;
/** Between the means of all samples; antialiased, bytes are rounded here on the way and floats are not there. */
const TOLERANCE = { same: 1e-3, plain: 1e-6 };
const folder = mkdtempSync(join(tmpdir(), 'shield-records-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

console.log(`${cpus().length} × ${cpus()[0].model}`);
if (!python) console.log('SHIELD_BENCH_PYTHON names no Python: the peers are left out');
const jpegs = await makeJpegs();
const mean = jpegs.reduce((sum, { length }) => sum + length, 0) / jpegs.length;
console.log(`JPEGs of 500×375, ${(mean / 1000).toFixed(0)} kB each on the average`);
if (parts.includes('provision')) await provisioning();
if (parts.includes('read')) await reading();
if (parts.includes('write')) await writing();
if (parts.includes('memory')) await memory();

async function makeJpegs() {
  const given = sharedPath('data/nips2017/images');
  const made = await photos(given, 150, 299);
  return Promise.all(
    made.map(({ data, height, width }) =>
      sharp(data, { raw: { height, width, channels: 3 } })
        .resize(500, 375, { fit: 'fill' })
        .jpeg({ quality: 95 })
        .toBuffer(),
    ),
  );
}

/** The validation archive with labels, and, where asked for, the same images unpacked. */
function writeRaw(name, count, image, unpacked = false) {
  const path = join(folder, name);
  mkdirSync(join(path, 'unpacked'), { recursive: true });
  const file = openSync(join(path, 'ILSVRC2012_img_val.tar'), 'w');
  for (let i = 0; i < count; i++) {
    const entry = { path: `ILSVRC2012_val_${String(i + 1).padStart(8, '0')}.JPEG`, data: image(i) };
    writeSync(file, tarBytes([entry], { end: false }));
    if (unpacked) writeFileSync(join(path, 'unpacked', entry.path), entry.data);
  }
  writeSync(file, Buffer.alloc(1024));
  closeSync(file);
  const wnids = ['n01440764', 'n02102040', 'n03888257'];
  writeFileSync(join(path, 'synset_labels.txt'), Array.from({ length: count }, (_, i) => wnids[i % 3]).join('\n'));
  return path;
}

function pinned(cores, command, args) {
  return ['taskset', ['-c', Array.from({ length: cores }, (_, i) => i).join(','), command, ...args]];
}

function provision(source, output, cores) {
  const args = [here('../bin/shield.js'), 'data', 'provision', 'imagenet', '--raw-data', source, '-o', output];
  const more = ['--subset', '--json', '--validation-shards', String(SHARDS), '--workers', String(cores)];
  return pinned(cores, process.execPath, [...args, ...more]);
}

async function provisioning() {
  const raw = writeRaw('raw', PROVISIONED, (i) => jpegs[i % jpegs.length], true);
  console.log(
    `\nprovisioning, ${PROVISIONED} images in ${SHARDS} shards   images/s here   images/s TensorFlow   here / there`,
  );
  for (const cores of [1, 2]) {
    const [ours, theirs] = [[], []];
    for (let round = 0; round < 2; round++) {
      const output = join(folder, `out-${cores}-${round}`);
      const { stdout, stderr } = spawnSync(...provision(raw, output, cores), { encoding: 'utf8' });
      if (!stdout) throw new Error(stderr);
      ours.push(PROVISIONED / JSON.parse(stdout)[0].seconds);
      rmSync(output, { recursive: true });
      if (!python) continue;
      const place = join(folder, `tf-${cores}-${round}`);
      const script = [here('peers/build_imagenet_tf.py'), join(raw, 'unpacked'), join(raw, 'synset_labels.txt'), place];
      const peer = spawnSync(...pinned(cores, python, [...script, String(SHARDS), String(cores)]), {
        encoding: 'utf8',
      });
      if (peer.status !== 0) throw new Error(peer.stderr);
      theirs.push(PROVISIONED / Number(peer.stdout.trim().split(' ')[2]));
      rmSync(place, { recursive: true });
    }
    tell(`${cores} ${cores === 1 ? 'core' : 'cores'}`, ours, theirs);
  }
  rmSync(raw, { recursive: true });
}

async function reading() {
  const raw = writeRaw('raw', IMAGES, (i) => jpegs[i % jpegs.length]);
  const output = join(folder, 'read');
  spawnSync(...provision(raw, output, 2));
  const validation = join(output, 'validation');
  const files = readdirSync(validation)
    .filter((name) => /-of-/.test(name))
    .map((name) => join(validation, name));
  console.log('\nread, decoded, resized to 299×299     images/s here   images/s tf.data      here / there');
  for (const cores of [1, 2]) {
    const ours = lines(...pinned(cores, process.execPath, [here('records-read.js'), String(cores), validation]), {
      UV_THREADPOOL_SIZE: String(cores),
    });
    const theirs = python
      ? lines(...pinned(cores, python, [here('peers/records_tf.py'), String(cores), ...files]))
      : undefined;
    if (cores === 1 && theirs) console.log(await theirs.next());
    else await theirs?.next();
    const kinds = ['same', 'plain'];
    const none = () => Object.fromEntries(kinds.flatMap((kind) => [`here ${kind}`, kind]).map((key) => [key, []]));
    const [rates, cpu] = [none(), none()];
    // The first time each goes through the files it says what it makes of them: the same, or this is no comparison.
    for (const kind of kinds) {
      const [mean, peers] = [await ours.ask(`mean ${kind}`), await theirs?.ask(`mean ${kind}`)].map(Number);
      if (theirs && !(Math.abs(mean - peers) < TOLERANCE[kind])) throw new Error(`${kind}: ${mean} is not ${peers}`);
    }
    for (let round = 0; round < ROUNDS; round++) {
      const rate = async (peer, command) => {
        const [count, seconds, cpu] = (await peer.ask(command)).split(' ').map(Number);
        return { rate: count / seconds, cpu: (1000 * cpu) / count };
      };
      const now = {};
      for (const kind of kinds) {
        now[`here ${kind}`] = await rate(ours, kind);
        if (theirs) now[kind] = await rate(theirs, kind);
      }
      for (const [key, value] of Object.entries(now)) (rates[key].push(value.rate), cpu[key].push(value.cpu));
    }
    ours.stop();
    theirs?.stop();
    const label = `${cores} ${cores === 1 ? 'core' : 'cores'}`;
    tell(`${label}, accurate DCT, antialiased`, rates['here same'], rates.same);
    tell(`${label}, fast DCT, two samples a side`, rates['here plain'], rates.plain);
    const least = (all) => (all.length > 0 ? Math.min(...all).toFixed(2) : '–');
    const both = (kind) => `${least(cpu[`here ${kind}`])} (there ${least(cpu[kind])})`;
    console.log(`  CPU over all threads, ms an image: ${both('same')} antialiased, ${both('plain')} with the fast DCT`);
  }
}

async function writing() {
  const record = Buffer.concat(jpegs).subarray(0, 110_000);
  const count = 4000;
  const bytes = count * (record.length + 16);
  const path = join(folder, 'written');
  writeFileSync(join(folder, 'record'), record);
  const peer =
    python && lines(python, [here('peers/records_write_tf.py'), path, join(folder, 'record'), String(count)]);
  await peer?.next();
  const rates = { plain: [], summed: [], bare: [], tensorflow: [] };
  const timed = async (of, write) => {
    const start = performance.now();
    await write();
    of.push(bytes / 1e3 / (performance.now() - start));
    rmSync(path);
  };
  const records = () => Array.from({ length: count }, () => record);
  for (let round = 0; round < 5; round++) {
    await timed(rates.plain, () => writeRecords(path, records()));
    await timed(rates.summed, () => writeRecords(path, records(), { sha256: true }));
    await timed(rates.bare, () => {
      const file = openSync(path, 'w');
      const chunk = Buffer.concat(records().slice(0, 10));
      for (let i = 0; i < count; i += 10) writeSync(file, chunk);
      fsyncSync(file);
      closeSync(file);
    });
    if (peer) rates.tensorflow.push(bytes / 1e6 / Number(await peer.ask('go')));
  }
  peer?.stop();
  console.log('\nwritten and on the disk                   MB/s here   MB/s the bare bytes   here / there');
  const label = `${(bytes / 1e6).toFixed(0)} MB in records of 110 kB`;
  tell(label, rates.plain, rates.bare);
  tell(`${label}, sha256`, rates.summed, rates.bare);
  if (peer) tell(`beside TFRecordWriter`, rates.plain, rates.tensorflow);
}

async function memory() {
  const small = await sharp(jpegs[0]).resize(96, 72).jpeg().toBuffer();
  console.log('\npeak memory, MiB                              5,000 images   50,000 images   ratio');
  const peaks = [];
  for (const count of [5000, 50_000]) {
    const source = writeRaw(`raw-${count}`, count, () => small);
    const output = join(folder, `out-${count}`);
    const [parent, worker] = await peaksOf(...provision(source, output, 2));
    const [read] = await peaksOf(process.execPath, [here('records-read.js'), '2', join(output, 'validation'), 'once']);
    peaks.push([parent, worker, read]);
    rmSync(source, { recursive: true });
    rmSync(output, { recursive: true });
  }
  for (const [i, name] of ['provision: the process that lists', 'provision: a worker', 'reading'].entries()) {
    const [few, many] = peaks.map((each) => each[i] / 1024);
    console.log(
      `${name.padEnd(44)} ${few.toFixed(0).padStart(13)} ${many.toFixed(0).padStart(15)} ${(many / few).toFixed(2).padStart(7)}`,
    );
  }
}

/** Most memory, in kB, of a process and of its largest child, by the system's own count (Linux). */
async function peaksOf(command, args) {
  const child = spawn(command, args, { stdio: 'ignore' });
  const ended = new Promise((resolve) => child.on('exit', resolve));
  const most = [0, 0];
  const status = (pid) => Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
  const look = setInterval(() => {
    try {
      most[0] = Math.max(most[0], status(child.pid));
      const children = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim().split(' ');
      for (const pid of children) if (pid) most[1] = Math.max(most[1], status(pid));
    } catch {
      // It has just ended.
    }
  }, 50);
  if ((await ended) !== 0) throw new Error(`${command} ${args.join(' ')} failed`);
  clearInterval(look);
  return most;
}

function lines(command, args, env = {}) {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, ...env } });
  const read = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => {
    const { value, done } = await read.next();
    if (done) throw new Error(`${command} ended`);
    return value;
  };
  const ask = (text) => {
    child.stdin.write(`${text}\n`);
    return next();
  };
  return { next, ask, stop: () => child.stdin.end() };
}

function tell(label, ours, theirs) {
  const [here, there] = [Math.max(...ours), Math.max(...theirs)];
  const beside = theirs.length > 0 ? `${there.toFixed(0).padStart(20)} ${(here / there).toFixed(2).padStart(14)}` : '';
  console.log(`${label.padEnd(36)} ${here.toFixed(0).padStart(14)} ${beside}`);
}
