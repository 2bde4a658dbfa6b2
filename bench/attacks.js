/*
 * Attacks beside Foolbox, ART, torchattacks and CleverHans: the same EfficientNet-Lite0, the same photos, the same
 * settings and threads, taking turns in one run.
 *
 *     npm run build
 *     python3 -m venv venv && venv/bin/pip install --no-deps -r bench/requirements.txt
 *     node bench/attacks.js --python venv/bin/python [--photos NIPS2017] [--threads 1] [--only i_fgsm,pgd]
 *         [--who ours,foolbox] [--rounds 3] [--images 32] [--batch 16] [--json results.json]
 *
 * --photos is a folder of the NIPS 2017 set (images.csv and images/); without it the sample photos are taken. Without
 * --python (or libraries that it lacks) the peers are left out, and that is said. The whole takes hours: with --json, rows
 * are added to the file as they are made, so that it can be made in pieces; `--table results.json,more.json` prints what
 * was recorded, and runs nothing. Given are medians over the rounds. Nothing else should run on the machine meanwhile.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { start, startOurs } from './attacks/contestant.js';
import { writePhotos } from './attacks/photos.js';
import { TASKS } from './attacks/settings.js';
import { median, tables } from './attacks/table.js';

const text = { type: 'string' };
const { values: given } = parseArgs({
  options: {
    python: { ...text, default: process.env.SHIELD_BENCH_PYTHON },
    threads: text,
    only: text,
    who: text,
    photos: text,
    rounds: text,
    images: text,
    batch: text,
    json: text,
    table: text,
  },
});
if (given.table) {
  print(given.table.split(',').map(recorded).reduce(together));
} else {
  await compare();
}

async function compare() {
  const threads = Number(given.threads ?? 1);
  const rounds = Number(given.rounds ?? 3);
  const most = Number(given.images ?? 32);
  const only = given.only?.split(',') ?? Object.keys(TASKS);
  const unknown = only.filter((name) => !(name in TASKS));
  if (unknown.length > 0) throw new Error(`--only ${unknown.join()}: there are ${Object.keys(TASKS).join(', ')}`);
  const folder = mkdtempSync(join(tmpdir(), 'shield-bench-'));
  const contestants = {};
  try {
    const { file, count, checkpoint } = await writePhotos(folder, most, given.photos);
    const script = (path) => fileURLToPath(new URL(path, import.meta.url));
    contestants.ours = await startOurs(file, count, threads);
    if (given.python) {
      const peers = [script('peers/attacks_peers.py'), checkpoint, file, count, threads];
      contestants.peers = await start(given.python, peers, threads);
    } else console.log('--python names no Python: the peers are left out');
    const { versions, absent } = contestants.peers?.hello ?? { versions: {}, absent: {} };
    for (const [name, why] of Object.entries(absent)) console.log(`${name} is left out: ${why}`);
    const machine = {
      cpu: cpus()[0].model.trim(),
      cores: cpus().length,
      system: `${process.platform} ${release()}`,
      date: new Date().toISOString().slice(0, 10),
      versions: { ...contestants.ours.hello.versions, node: process.version, ...versions },
    };
    const libraries = ['ours', ...Object.keys(versions).filter((name) => name !== 'torch')];
    const who = given.who?.split(',') ?? libraries;
    const missing = who.filter((name) => !libraries.includes(name));
    if (missing.length > 0) throw new Error(`--who ${missing.join()}: there are ${libraries.join(', ')}`);
    let all = { machine, rows: [] };
    for (const attack of only) {
      const images = Math.min(count, TASKS[attack].images ?? count);
      const size = { images, batch: Math.min(images, Number(given.batch ?? 16)) };
      for (const row of await contest(attack, contestants, who, size, rounds, threads)) {
        all = together(all, { machine, rows: [row] });
        if (given.json) save(given.json, all);
      }
    }
    print(all);
  } finally {
    for (const { stop } of Object.values(contestants)) stop();
    rmSync(folder, { recursive: true });
  }
}

/** Everyone's turns at one attack. */
async function contest(attack, { ours, peers: python }, who, size, rounds, threads) {
  const { options, equal, defaults, also = {}, defaultOptions, peers: able } = TASKS[attack];
  const mine = who.includes('ours');
  const turns = [
    ...(mine && equal ? [['ours, equal', ours, { ...options, ...equal }]] : []),
    ...(mine && defaults ? [['ours, defaults', ours, { ...(defaultOptions ?? options), ...defaults }]] : []),
    ...(mine ? Object.entries(also).map(([name, more]) => [`ours, ${name}`, ours, { ...options, ...more }]) : []),
    ...able.filter((name) => who.includes(name)).map((name) => [name, python, options]),
  ];
  const rows = new Map();
  const gradient = { ours: [], torch: [], cpu: { ours: [], torch: [] } };
  const time = async (contestant, library) => {
    const got = await contestant.ask({ library, attack: 'gradient', ...size, seed: 0, options: {} });
    return { seconds: got.seconds / size.images, cpu: got.cpu / size.images };
  };
  for (let round = -1; round < rounds; round++) {
    const slope = [await time(ours, 'ours'), python ? await time(python, 'torch') : undefined];
    // The first gradients of each are slow.
    if (round < 0) continue;
    ['ours', 'torch'].forEach((who, i) => {
      if (!slope[i]) return;
      gradient[who].push(slope[i].seconds);
      gradient.cpu[who].push(slope[i].cpu);
    });
    for (const [name, contestant, wanted] of turns) {
      if (rows.get(name) === 'unsupported') continue;
      const got = await contestant.ask({ library: name, attack, ...size, seed: round, options: wanted });
      if (got.unsupported) {
        console.log(`${name}, ${attack}: left out: ${got.unsupported}`);
        rows.set(name, 'unsupported');
        continue;
      }
      const { seconds, cpu, ...rest } = got;
      const row = rows.get(name) ?? { attack, who: name, threads, ...size, seconds: [], cpu: [], gradient };
      row.seconds.push(seconds / size.images);
      row.cpu.push(cpu / size.images);
      rows.set(name, Object.assign(row, rest));
      const success = rest.success.filter(Boolean).length / rest.success.length;
      const l2 = rest.l2.reduce((sum, value) => sum + value, 0) / rest.l2.length;
      const figures = [
        success.toFixed(3),
        l2.toFixed(4),
        (seconds / size.images).toFixed(3),
        rest.gradients.toFixed(1),
      ];
      console.error(`${attack} ${name}: success, L2, s an image, gradients: ${figures.join(' ')}`);
    }
  }
  return [...rows.values()].filter((row) => row !== 'unsupported');
}

/** Adds rows to a file; a row of the same attack, contestant and threads is replaced. */
function save(file, results) {
  const all = existsSync(file) ? together(recorded(file), results) : results;
  writeFileSync(file, `${JSON.stringify(all, undefined, 1)}\n`);
}

function recorded(file) {
  return JSON.parse(readFileSync(file, 'utf8'));
}

/** Two sets of results as one, the later row where both have it. */
function together(first, second) {
  const key = ({ attack, who, threads }) => `${attack} ${who} ${threads}`;
  const rows = new Map([...first.rows, ...second.rows].map((row) => [key(row), row]));
  return { machine: { ...first.machine, ...second.machine }, rows: [...rows.values()] };
}

function print({ machine, rows }) {
  const versions = Object.entries(machine.versions).map(([name, version]) => `${name} ${version}`);
  console.log(`${machine.cpu}, ${machine.cores} cores, ${machine.system}, ${machine.date}\n${versions.join(', ')}\n`);
  console.log(tables(rows).join('\n\n'));
  const once = rows.flatMap(({ attack, who, once, threads }) =>
    once === undefined ? [] : [`${attack} ${who.replace('ours, ', '')} ${threads}t ${median([once]).toFixed(1)}`],
  );
  console.log(`\nGraphs, made once, seconds: ${once.join(', ')}`);
}
