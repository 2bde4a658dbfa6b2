/*
 * ResNet-50-v2 and Inception-v4 of tf-slim at 299 px: the forward pass, and forward and input gradient of the
 * cross-entropy, captured as attacks run them, beside PyTorch (channels-last, folded batch norms) and beside Python
 * TensorFlow's own tf.function, with the same architecture and threads, taking turns in one run.
 *
 *     node bench/networks.js [--python python3] [--tensorflow python3] [--network resnet_v2_50] [--threads 2] [--batch 8]
 *                            [--rounds 7] [--task forward|gradient]
 *
 * --python names a Python with torch, --tensorflow one with the TensorFlow whose libraries the native backend has
 * (2.21.0); without them these are left out. Given are the best and the median over the rounds in milliseconds an image,
 * the ratio of the best, and the median of the ratios round by round; behind them the best in milliseconds of CPU, over
 * all threads, and its ratio: on a machine with other work, trust this one.
 */
import { parseArgs } from 'node:util';
import { openBackend } from '../packages/core/dist/index.js';
import { inceptionV4 } from '../packages/models/dist/inception-v4-network.js';
import { resNetV2 } from '../packages/models/dist/resnet-v2.js';
import { slimModel } from '../packages/models/dist/tf-slim.js';
import { drawnWeights } from './networks/drawn-weights.js';
import { startPeer } from './networks/peer.js';

const text = { type: 'string' };
const { values } = parseArgs({
  options: { python: text, tensorflow: text, network: text, threads: text, batch: text, rounds: text, task: text },
});
const networks = { resnet_v2_50: resNetV2('resnet_v2_50', [3, 4, 6, 3]), inception_v4: inceptionV4 };
const threads = Number(values.threads ?? 2);
const batch = Number(values.batch ?? 8);
const rounds = Number(values.rounds ?? 7);
const tasks = values.task ? [values.task] : ['forward', 'gradient'];
const log = (line) => console.error(line);

const backend = await openBackend('node', { threads, log, warn: log });
const tf = await import('@tensorflow/tfjs-core');
console.log(`299 px, batch ${batch}, ${threads} thread(s), ${rounds} rounds; ${backend.description}`);
console.log(`${'best | median'.padStart(35)}   ms an image    of PyTorch   of tf.function   CPU ms, of each`);
for (const name of values.network ? [values.network] : Object.keys(networks)) await measure(name);

async function measure(name) {
  const network = networks[name];
  const weights = drawnWeights(network);
  const model = slimModel(network, { weights, weightsDigest: '', path: '' });
  const images = tf.randomUniform([batch, 299, 299, 3], 0, 1, 'float32', 1);
  const labels = tf.tensor1d(
    Array.from({ length: batch }, (_, i) => (i * 7) % model.classes),
    'int32',
  );
  const lossOf = (y) => (input) =>
    tf.neg(tf.sum(tf.mul(tf.logSoftmax(model.logits(input)), tf.cast(tf.oneHot(y, model.classes), 'float32'))));
  const buckets = [batch];
  const run = {
    forward: backend.capture((x) => [model.logits(x)], { buckets }),
    gradient: backend.capture((x, y) => [tf.grad(lossOf(y))(x)], { buckets }),
  };
  const peers = {
    PyTorch: await startPeer(values.python, 'slim_torch.py', [name, batch, threads], threads),
    'tf.function': await startPeer(values.tensorflow, 'slim_tensorflow.py', [name, batch, threads], threads),
  };
  for (const task of tasks) {
    const contestants = { graph: () => timed(() => run[task](images, ...(task === 'gradient' ? [labels] : []))) };
    for (const [who, peer] of Object.entries(peers)) if (peer) contestants[who] = () => peer.round(task);
    const [times, cpu] = [0, 1].map(() => Object.fromEntries(Object.keys(contestants).map((who) => [who, []])));
    for (let round = -2; round < rounds; round++) {
      for (const [who, contestant] of Object.entries(contestants)) {
        const turn = await contestant();
        if (round < 0) continue;
        times[who].push(turn.ms);
        cpu[who].push(turn.cpu);
      }
    }
    for (const [who, all] of Object.entries(times)) {
      const ratio = (peer) => {
        if (!times[peer]) return '–';
        const best = Math.min(...all) / Math.min(...times[peer]);
        return `${best.toFixed(2)} | ${median(all.map((ms, i) => ms / times[peer][i])).toFixed(2)}`;
      };
      const ms = `${Math.min(...all).toFixed(0)} | ${median(all).toFixed(0)}`;
      const label = `${name} ${task}, ${who}`.padEnd(38);
      const own = Math.min(...cpu[who]);
      const cpuRatio = (peer) => (cpu[peer] ? (own / Math.min(...cpu[peer])).toFixed(2) : '–').padStart(7);
      console.log(
        `${label}${ms.padStart(11)}${ratio('PyTorch').padStart(14)}${ratio('tf.function').padStart(17)}` +
          `${own.toFixed(0).padStart(9)}${cpuRatio('PyTorch')}${cpuRatio('tf.function')}`,
      );
    }
  }
  for (const peer of Object.values(peers)) peer?.stop();
  run.forward.dispose();
  run.gradient.dispose();
  model.dispose();
  tf.dispose([images, labels]);
}

function timed(run) {
  const before = process.cpuUsage();
  const start = performance.now();
  for (const output of run()) {
    output.dataSync();
    output.dispose();
  }
  const ms = (performance.now() - start) / batch;
  const { user, system } = process.cpuUsage(before);
  return { ms, cpu: (user + system) / 1000 / batch };
}

function median(all) {
  const sorted = [...all].sort((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
}
