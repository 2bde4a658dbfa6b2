/* How busy worker processes of many slots each are kept with cells that sleep. */
import { spawn } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/**
 * @param program path of bin/shield.js
 * @param cells of the sweep; each sleeps for `seconds`
 * @returns share of the slots that had a cell in hand, and share whose cell slept, while cells waited in the queue
 */
export async function busyShare({ program, spec, runs, queue, seconds, processes, slots }) {
  const env = { ...process.env, SHIELD_RUNS: runs, MLFLOW_TRACKING_URI: '' };
  const start = (args, stderr) =>
    spawn(process.execPath, [program, ...args], { env, stdio: ['ignore', 'ignore', stderr] });
  const work = ['worker', '--queue', queue, '--in-process', '--slots', String(slots), '--threads', '1'];
  const workers = Array.from({ length: processes }, () => start(work, 'pipe'));
  try {
    await Promise.all(workers.map(({ stderr }) => new Promise((resolve) => stderr.once('data', resolve))));
    const sweep = start(['sweep', spec, '--quiet', '--executor', 'bullmq', `execution.queue=${queue}`], 'inherit');
    const code = await new Promise((resolve) => sweep.once('exit', resolve));
    if (code !== 0) throw new Error(`the sweep ended with ${code}`);
  } finally {
    for (const worker of workers) worker.kill('SIGTERM');
  }
  return shares(runs, seconds, processes * slots);
}

function shares(runs, seconds, slots) {
  const inHand = [];
  const asleep = [];
  for (const name of readdirSync(runs)) {
    if (name === 'artifacts' || name.startsWith('.')) continue;
    const entries = readFileSync(join(runs, name, 'journal.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    if (!entries.some(({ type, stage }) => type === 'stage' && stage === 'attack')) continue;
    const at = (wanted) => Date.parse(entries.find(wanted).time);
    const end = at(({ type, state }) => type === 'state' && state === 'COMPLETED');
    inHand.push([at(({ type, state }) => type === 'state' && state === 'QUEUED'), end]);
    const woke = at(({ type, stage }) => type === 'batch' && stage === 'attack');
    asleep.push([woke - 1000 * seconds, woke]);
  }
  const begins = inHand.map(([begin]) => begin).sort((a, b) => a - b);
  // From when every slot could have had a cell to when the last cell was taken: then there is no more to keep them busy.
  const [from, to] = [begins[slots - 1], begins.at(-1)];
  const share = (spans) =>
    spans.reduce((sum, [a, b]) => sum + Math.max(0, Math.min(b, to) - Math.max(a, from)), 0) / (slots * (to - from));
  return { cells: inHand.length, window: (to - from) / 1000, inHand: share(inHand), asleep: share(asleep) };
}
