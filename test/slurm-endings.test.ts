import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { ownAttack } from './own-attack.js';
import { OneProcess, shardEvents } from './sharded.js';
import { expectError, readJson, shield, start, temporaryFolder, until, type JsonResult } from './shield.js';
import { SlurmAccounting } from './slurm-accounting.js';
import { SlurmCluster } from './slurm-cluster.js';
import { cellRuns, sweepPath, type Swept } from './swept.js';

/*
 * How Slurm itself ends tasks (its time limit, memory, another job's priority, a user, all of them after it has forgotten
 * the job), and shards over it. Its limits count in minutes: SHIELD_TEST_FULL=1.
 */
const full = process.env['SHIELD_TEST_FULL'] === '1';
if (full) vi.setConfig({ testTimeout: 600_000 });

const accounting = full ? await SlurmAccounting.possible() : undefined;
const cluster = full ? await SlurmCluster.start(accounting) : 'SHIELD_TEST_FULL=1 starts one';
const slurm = typeof cluster === 'string' ? undefined : cluster;
if (full && typeof cluster === 'string') console.warn(`slurm is not tested: ${cluster}`);
if (full && !accounting) console.warn('its accounting is not tested: there is no slurmdbd, or no MariaDB');
afterAll(() => slurm?.end());

const folder = temporaryFolder();
const slow = (name: string, seconds: number, images = 4) =>
  ownAttack(folder, { name, body: `await sleep(${1000 * seconds});`, execution: 'time_limit: 0', images });
const sweepArgs = (spec: string, ...more: string[]) => [
  ...['sweep', spec, '--json', '--executor', 'slurm', 'execution.poll=0.5', 'execution.mem=1G'],
  ...more,
];
const env = () => slurm!.env;

/** The number of a task, once one runs. */
async function running(runs: string): Promise<string> {
  let task: string | undefined;
  await until(() => {
    const path = sweepPath(runs);
    if (path === undefined || !readFileSync(join(path, 'journal.jsonl'), 'utf8').includes('"phase":"started"'))
      return false;
    return (task = slurm!.queue('-t', 'RUNNING')[0]?.split(' ')[0]) !== undefined;
  });
  return task!;
}

describe.skipIf(!slurm)('what Slurm ends', () => {
  test('at the time limit of its partition is TIMEOUT, and not tried again', async () => {
    const runs = temporaryFolder();
    const swept = await shield(sweepArgs(slow('endless', 300), 'execution.partition=short'), { runs, env: env() });
    expectError(swept, 1, 'SWEEP_FAILED');
    const { cells } = JSON.parse(swept.stdout) as Swept;
    expect(cells).toMatchObject([{ state: 'TIMEOUT', attempts: 1 }]);
    expect(cells[0]!.error).toMatch(/^TIMEOUT: Slurm ended it after \d+ s, at the limit of execution.time/);
  });

  test('for its memory is done again with half the batch', async () => {
    const runs = temporaryFolder();
    const body = `if (size > 2) {
      for (let i = 0; i < 80; i++) { hold(20); await sleep(20); }
      await sleep(120_000);
      throw new Error('nobody ended it');
    }`;
    const spec = ownAttack(folder, { name: 'hungry', body, execution: 'time_limit: 0' });
    // The worker is not told what it may take, so that it does not look after itself.
    const blind = 'execution.setup=["unset SLURM_MEM_PER_NODE SLURM_MEM_PER_CPU"]';
    const { code, stdout, stderr } = await shield(sweepArgs(spec, blind), { runs, env: env() });
    expect(code, stderr).toBe(0);
    expect((JSON.parse(stdout) as Swept).cells).toMatchObject([{ state: 'COMPLETED', attempts: 2, batch: 2 }]);
    expect(stderr).toMatch(/OUT_OF_MEMORY: .*Slurm ended the task \d+_1 .*with batch 2 in place of 4/s);
  });

  test('for a job of higher priority is done again', async () => {
    const runs = temporaryFolder();
    const sweep = start(sweepArgs(slow('displaced', 8), 'execution.cpus_per_task=2'), { runs, env: env() });
    const task = await running(runs);
    slurm!.ask('sbatch', '-p', 'urgent', '-c', '2', '-o', '/dev/null', '--wrap', 'sleep 2');
    const { code, stdout, stderr } = await sweep.outcome;
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(/WORKER_LOST: .*another job took its place/s);
    expect((JSON.parse(stdout) as Swept).cells).toMatchObject([{ state: 'COMPLETED', attempts: 2 }]);
    expect(cellRuns(runs).get(1), `the run that ${task} left is gone on with`).toHaveLength(1);
  });

  test.skipIf(!accounting)('and has forgotten, its accounting remembers', async () => {
    const runs = temporaryFolder();
    // It looks once a minute: by then the controller knows nothing of the job.
    const sweep = start(sweepArgs(slow('forgotten', 8), 'execution.poll=60'), { runs, env: env() });
    let task = '';
    await until(() => (task = slurm!.queue('-t', 'RUNNING')[0]?.split(' ')[0] ?? '') !== '');
    await sleep(4000);
    slurm!.ask('scancel', task);
    await until(() => slurm!.queue('-t', 'all').every((line) => !line.startsWith(`${task} `)));
    expect(slurm!.ask('sacct', '-n', '-X', '-P', '-j', task, '-o', 'JobID,State')).toContain(`${task}|CANCELLED`);
    const { code, stdout, stderr } = await sweep.outcome;
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(/WORKER_LOST: .*it was cancelled/s);
    expect((JSON.parse(stdout) as Swept).cells).toMatchObject([{ state: 'COMPLETED', attempts: 2 }]);
  });
});

describe.skipIf(!slurm)('a run in shards over Slurm', () => {
  const one = new OneProcess();
  const options = ['execution.use=slurm', 'execution.poll=0.5', 'execution.mem=1G', 'execution.shards=3'];

  test('leaves what one process leaves, bit for bit', async () => {
    const runs = temporaryFolder();
    const { code, stdout, stderr } = await shield(['run', one.spec, '--json', ...options], { runs, env: env() });
    expect(code, stderr).toBe(0);
    const result = JSON.parse(stdout) as JsonResult;
    await one.expectEqual(runs, result);
    const ended = shardEvents(result).filter(({ phase }) => phase === 'ended');
    expect(ended.map(({ shard }) => shard).sort()).toEqual([1, 2, 3]);
    expect(readJson<{ machine: { host: string } }>(join(result.path, 'provenance.json')).machine.host).toBeTruthy();
  });

  test('also where a shard is cancelled in the middle', async () => {
    const runs = temporaryFolder();
    const sharded = start(['run', one.spec, '--json', ...options], { runs, env: env() });
    await until(() => slurm!.queue('-t', 'RUNNING').length > 0 || sharded.child.exitCode !== null);
    await sleep(1500);
    const victim = slurm!.queue('-t', 'RUNNING')[0]?.split(' ')[0];
    if (victim !== undefined) slurm!.ask('scancel', victim);
    const { code, stdout, stderr } = await sharded.outcome;
    expect(code, stderr).toBe(0);
    const result = JSON.parse(stdout) as JsonResult;
    expect(shardEvents(result).filter(({ phase }) => phase === 'retry')).toHaveLength(1);
    await one.expectEqual(runs, result);
  });
});
