/*
 * One large run in one process and in shards over worker processes: wall seconds of `shield run`, from its start to its end,
 * and what processes spent on the attacks together.
 *
 *     node bench/shards.js [--spec configs/cw-l2-slq.yaml] [--rounds 1] [--only 1x2,2x1] [key=value …]
 *
 * A way is PROCESSESxTHREADS. Each runs in a folder of its own, so that nothing is taken from the others.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';
import { median } from './attacks/table.js';

const text = { type: 'string' };
const { values, positionals } = parseArgs({
  options: { spec: text, rounds: text, only: text },
  allowPositionals: true,
});
const program = fileURLToPath(new URL('../bin/shield.js', import.meta.url));
const spec = values.spec ?? fileURLToPath(new URL('../configs/cw-l2-slq.yaml', import.meta.url));
const ways = (values.only ?? '1x2,2x1,1x1').split(',').map((name) => {
  const [processes, threads] = name.split('x').map(Number);
  return { processes, threads, seconds: [] };
});

for (let round = 0; round < Number(values.rounds ?? 1); round++) {
  for (const way of ways) {
    const { processes, threads } = way;
    const runs = mkdtempSync(join(tmpdir(), 'shield-bench-'));
    const spread =
      processes === 1 ? [] : ['execution.use=local', `execution.workers=${processes}`, 'execution.shards=auto'];
    const began = performance.now();
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [program, 'run', spec, '--json', `execution.threads=${threads}`, ...spread, ...positionals],
      { env: { ...process.env, SHIELD_RUNS: runs }, encoding: 'utf8', maxBuffer: 1 << 26 },
    );
    if (status !== 0) throw new Error(stderr);
    way.seconds.push((performance.now() - began) / 1000);
    console.error(`${processes}x${threads}: ${way.seconds.at(-1).toFixed(1)} s`);
    const { path, metrics } = JSON.parse(stdout);
    way.metrics = Object.fromEntries(Object.entries(metrics).filter(([key]) => !key.endsWith('seconds')));
    way.batches = Object.entries(metrics).filter(([key]) => /^attack\/.*seconds$/.test(key));
    way.shards = shardsOf(path);
    rmSync(runs, { recursive: true });
  }
}
const one = median(ways[0].seconds);
console.log('| way | s | to the first | the attacks, s of all processes | each shard, s |\n|---|---|---|---|---|');
for (const { processes, threads, seconds, batches, shards } of ways) {
  const s = median(seconds);
  const attacks = batches.reduce((sum, [, each]) => sum + each, 0);
  const name = `${processes} process${processes === 1 ? '' : 'es'}, ${threads} thread${threads === 1 ? '' : 's'}`;
  console.log(`| ${name} | ${s.toFixed(1)} | ${(s / one).toFixed(2)} | ${attacks.toFixed(1)} | ${shards} |`);
}
const same = (a, b) => JSON.stringify(a.metrics) === JSON.stringify(b.metrics);
for (const a of ways)
  for (const b of ways)
    if (a !== b && a.threads === b.threads && a.processes < b.processes)
      console.log(
        `${a.processes} and ${b.processes} processes of ${a.threads} thread: ${same(a, b) ? 'the same figures' : 'OTHER FIGURES'}`,
      );

/** Seconds that each shard took, its process's start included. */
function shardsOf(path) {
  return readFileSync(join(path, 'journal.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
    .filter(({ type, phase }) => type === 'shard' && phase === 'ended')
    .map(({ seconds }) => seconds.toFixed(1))
    .join(', ');
}
