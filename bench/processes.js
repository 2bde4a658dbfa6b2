/*
 * Whether two processes of one thread attack more photos a second than one process of two threads: EfficientNet-Lite0,
 * each process with its share of the images and graphs of its own.
 *
 *     node bench/processes.js [--photos NIPS2017] [--images 32] [--processes 2] [--rounds 3] [--only i_fgsm,cw_l2]
 *
 * Given are medians over the rounds: seconds until the last process has answered, without what graphs cost once, and that
 * cost, which every process has for itself.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startOurs } from './attacks/contestant.js';
import { writePhotos } from './attacks/photos.js';
import { TASKS } from './attacks/settings.js';
import { median } from './attacks/table.js';

const text = { type: 'string' };
const { values: given } = parseArgs({
  options: { photos: text, images: text, processes: text, rounds: text, only: text },
});
const processes = Number(given.processes ?? 2);
const rounds = Number(given.rounds ?? 3);
const only = (given.only ?? 'i_fgsm,deepfool,cw_l2').split(',');
const folder = mkdtempSync(join(tmpdir(), 'shield-bench-'));
const ours = [];
try {
  const { file, count } = await writePhotos(folder, Number(given.images ?? 32), given.photos);
  const ways = [
    { name: `1 process, ${processes} threads`, threads: processes, files: [{ file, count }] },
    { name: `${processes} processes, 1 thread each`, threads: 1, files: shares(file, count) },
    { name: '1 process, 1 thread', threads: 1, files: [{ file, count }] },
  ];
  for (const way of ways) {
    way.own = await Promise.all(way.files.map((each) => startOurs(each.file, each.count, way.threads)));
    ours.push(...way.own);
  }
  console.log('| attack | way | s | to one process of as many threads | graphs, once, s |\n|---|---|---|---|---|');
  for (const attack of only) {
    const { options, equal, defaults, defaultOptions } = TASKS[attack];
    const wanted = equal ? { ...options, ...equal } : { ...(defaultOptions ?? options), ...defaults };
    const steps = attack === 'cw_l2' ? { ...defaultOptions } : wanted;
    for (const way of ways) way.seconds = [];
    for (let round = 0; round < rounds; round++) {
      for (const way of ways) {
        const asked = way.own.map((process, i) =>
          process.ask({
            library: 'ours',
            attack,
            images: way.files[i].count,
            batch: Math.min(16, way.files[i].count),
            seed: 0,
            options: steps,
          }),
        );
        const answers = await Promise.all(asked);
        way.seconds.push(Math.max(...answers.map(({ seconds }) => seconds)));
        way.once = Math.max(...answers.map(({ once }) => once));
      }
    }
    const one = median(ways[0].seconds);
    for (const { name, seconds, once } of ways) {
      const s = median(seconds);
      console.log(`| ${attack} | ${name} | ${s.toFixed(2)} | ${(s / one).toFixed(2)} | ${once.toFixed(1)} |`);
    }
  }
} finally {
  for (const { stop } of ours) stop();
  rmSync(folder, { recursive: true });
}

/** The images in as many files as there are processes. */
function shares(file, count) {
  const bytes = readFileSync(file);
  const length = bytes.length / count - 4;
  return Array.from({ length: processes }, (_, p) => {
    const [from, to] = [p, p + 1].map((k) => Math.floor((k * count) / processes));
    const share = `${file}.${p}`;
    const labels = count * length;
    const parts = [bytes.subarray(from * length, to * length), bytes.subarray(labels + 4 * from, labels + 4 * to)];
    writeFileSync(share, Buffer.concat(parts));
    return { file: share, count: to - from };
  });
}
