/*
 * Loading resnet_v2_50 from a V1 checkpoint that TensorFlow wrote: time, as a ratio to reading the file and verifying
 * its checksums, and memory, as a ratio to the weights, with and without the two optimizer slots a variable that make
 * the file three times as large.
 *
 *     node bench/checkpoints.js --tensorflow python3 [--rounds 5]
 *
 * --tensorflow names a Python with TensorFlow, which writes the files. Each round is a process of its own: one reads and
 * checks the file block by block, one loads the network as a run does and shows it an image, one does so while its memory
 * is watched. The file's sha256 is known from the round before the first, as it is from a user's second run on.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { sizeOf } from '../packages/core/dist/index.js';
import { resNetV2 } from '../packages/models/dist/resnet-v2.js';
import { slimVariables } from '../packages/models/dist/tf-slim-variables.js';

const { values } = parseArgs({ options: { tensorflow: { type: 'string' }, rounds: { type: 'string' } } });
if (!values.tensorflow) throw new Error('--tensorflow names no Python with TensorFlow');
const rounds = Number(values.rounds ?? 5);
const here = (path) => fileURLToPath(new URL(path, import.meta.url));

const shapes = slimVariables(resNetV2('resnet_v2_50', [3, 4, 6, 3]), 1001);
const weights = 4 * [...shapes.values()].reduce((sum, shape) => sum + sizeOf(shape), 0);
const folder = mkdtempSync(join(tmpdir(), 'shield-bench-'));
try {
  console.log(`weights: ${(weights / 1e6).toFixed(0)} MB; best and median of ${rounds} rounds, ms`);
  for (const slots of [0, 2]) {
    const file = join(folder, `slots-${slots}.ckpt`);
    run(values.tensorflow, [here('peers/checkpoint_tensorflow.py'), 'write', file, String(slots)], JSON.stringify(Object.fromEntries(shapes))); // prettier-ignore
    const read = [];
    const load = [];
    const memory = [];
    const parts = [];
    for (let round = -1; round < rounds; round++) {
      const of = (what) => JSON.parse(run(process.execPath, ['--expose-gc', here('networks/load-checkpoint.js'), what, file, String(weights)])); // prettier-ignore
      const [a, b, c, d] = [of('read'), of('load'), of('parts'), of('memory')];
      if (round < 0) continue;
      parts.push(c);
      read.push(a);
      load.push(b);
      memory.push(d);
    }
    const ms = (all) => all.map((each) => each.ms);
    const best = Math.min(...ms(load)) / Math.min(...ms(read));
    const ratio = median(load.map((each, i) => each.ms / read[i].ms));
    const show = (label, all) => console.log(`  ${label.padEnd(34)}${Math.min(...all).toFixed(0).padStart(6)}${median(all).toFixed(0).padStart(8)}`); // prettier-ignore
    console.log(`\n${(statSync(file).size / 1e6).toFixed(0)} MB, ${slots} optimizer slots a variable`);
    show('read and check', ms(read));
    show('load', ms(load));
    show('  and show it an image of 32 px', load.map(({ shown }) => shown)); // prettier-ignore
    show('alone: sha256, when it is not known', parts.map(({ sha256 }) => sha256)); // prettier-ignore
    show('alone: new memory for the weights', parts.map(({ memory }) => memory)); // prettier-ignore
    const names = JSON.stringify([...shapes.keys()]);
    const peer = run(values.tensorflow, [here('peers/checkpoint_tensorflow.py'), 'read', file], names);
    show('TensorFlow reads the same variables', peer.trim().split('\n').map(Number));
    const cpu = (all) => Math.min(...all.map((each) => each.cpu));
    console.log(`  CPU over all threads, best: read and check ${cpu(read).toFixed(0)}, load ${cpu(load).toFixed(0)}: ${(cpu(load) / cpu(read)).toFixed(2)}`); // prettier-ignore
    console.log(`  load to read and check: best ${best.toFixed(2)}, median ${ratio.toFixed(2)}`);
    // The backend holds each weight once.
    const above = memory.map(({ peak }) => (peak - weights) / weights);
    console.log(`  memory above the backend's own, of the weights: ${median(above).toFixed(2)}`);
  }
} finally {
  rmSync(folder, { recursive: true });
}

function run(program, args, input = '') {
  const { status, stdout, stderr } = spawnSync(program, args, { input, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}\n${stderr}`);
  return stdout;
}

function median(all) {
  const sorted = [...all].sort((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
}
