/*
 * One round of bench/checkpoints.js: `read FILE` reads every block of a V1 checkpoint and verifies its checksum; `load
 * FILE` loads resnet_v2_50 from it, until the backend has every weight; `memory FILE` does the same while a thread looks
 * every 2 ms at what the process itself holds (RssAnon), which takes a tenth of the time; `parts FILE BYTES` takes the
 * file's sha256, and as much new memory, by itself. Prints JSON.
 */
import { Worker } from 'node:worker_threads';
import { openBackend } from '../../packages/core/dist/index.js';
import { backgroundSha256, prepareSha256 } from '../../packages/core/dist/assets/background-sha256.js';
import { crc32c } from '../../packages/core/dist/records/crc32c.js';
import { CheckpointFile } from '../../packages/core/dist/weights/tensorflow/checkpoint-file.js';
import { SortedTable } from '../../packages/core/dist/weights/tensorflow/sorted-table.js';
import { plugins } from '../../packages/models/dist/index.js';
import { held } from './held.js';

const [what, path, bytes] = process.argv.slice(2);
const quiet = () => undefined;

if (what === 'read') {
  const start = now();
  const file = await CheckpointFile.open(path);
  const table = await SortedTable.open(file);
  let entries = 0;
  for await (const entry of table.entries()) entries += entry.key === '' ? 0 : 1;
  await file.close();
  console.log(JSON.stringify({ ...since(start), entries }));
} else if (what === 'parts') {
  prepareSha256();
  await new Promise((resolve) => setTimeout(resolve, 300));
  const hashing = now();
  await backgroundSha256(path);
  const sha256 = since(hashing).ms;
  const taking = now();
  const memory = new Uint8Array(Number(bytes));
  for (let at = 0; at < memory.length; at += 4096) memory[at] = 1;
  console.log(JSON.stringify({ sha256, memory: since(taking).ms }));
} else {
  // As in a run: the thread that hashes starts while the backend does, and the journal has had its first checksums.
  prepareSha256();
  crc32c(new Uint8Array(1000));
  await openBackend('node', { threads: 2, log: quiet, warn: quiet });
  const tf = await import('@tensorflow/tfjs-core');
  // Code that is compiled and memory that TensorFlow takes once are not the weights'.
  tf.tidy(() => tf.conv2d(tf.ones([1, 8, 8, 3]), tf.ones([3, 3, 3, 4]), 1, 'same').dataSync());
  const plugin = plugins.find(({ name }) => name === 'resnet_v2_50');
  const context = {
    resolvePath: (each) => each,
    signal: new AbortController().signal,
    log: quiet,
    warn: quiet,
    opened: quiet,
  };
  const peak = new Float64Array(new SharedArrayBuffer(8));
  if (what === 'memory') {
    const watch = new Worker(new URL('./watch-memory.js', import.meta.url), { workerData: peak.buffer });
    await new Promise((resolve) => watch.once('message', resolve));
  }
  globalThis.gc();
  const before = held();
  peak[0] = before;
  const start = now();
  const model = await plugin.load({ weights: path, classes: 0 }, context);
  const loaded = since(start);
  // The backend takes a tensor's values when it first works with it.
  tf.tidy(() => model.logits(tf.zeros([1, 32, 32, 3])).dataSync());
  const shown = since(start).ms;
  console.log(JSON.stringify({ ...loaded, shown, peak: Math.max(peak[0], held()) - before }));
  process.exit();
}

function now() {
  return { wall: performance.now(), cpu: process.cpuUsage() };
}

/** Milliseconds gone by, and of CPU over all threads. */
function since({ wall, cpu }) {
  const { user, system } = process.cpuUsage(cpu);
  return { ms: performance.now() - wall, cpu: (user + system) / 1000 };
}
