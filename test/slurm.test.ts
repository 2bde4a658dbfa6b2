import { existsSync, mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import type * as Core from '@shield/core';
import type * as Testing from '@shield/core/testing';
import { afterAll, describe, expect, test, vi } from 'vitest';
import type * as Program from '../src/index.js';
import { processesOf } from './processes.js';
import { expectError, readJson, readLines, root, shield, start, temporaryFolder, until } from './shield.js';
import { SlurmCluster } from './slurm-cluster.js';
import { cellRuns, expectSame, lightSweep, sweepPath, sweptInline, type Swept } from './swept.js';

/** Two dozen cells, nodes that fail and Slurm's own limits take minutes: SHIELD_TEST_FULL=1. */
const full = process.env['SHIELD_TEST_FULL'] === '1';
const CELLS = full ? 24 : 3;

if (full) vi.setConfig({ testTimeout: 1_800_000 });

const folder = temporaryFolder();
const SPEC = lightSweep(folder, 'array', CELLS);
const reference = temporaryFolder();
let inline: Promise<Swept> | undefined;
const expected = () => (inline ??= sweptInline(SPEC, reference));

const cluster = await SlurmCluster.start();
const slurm = typeof cluster === 'string' ? undefined : cluster;
if (typeof cluster === 'string') console.warn(`slurm is not tested: ${cluster}`);
afterAll(() => slurm?.end());

const OPTIONS = ['--executor', 'slurm', 'execution.poll=0.5', 'execution.mem=1G'];
const sweepArgs = (spec: string, ...more: string[]) => ['sweep', spec, '--json', ...OPTIONS, ...more];
const environment = () => slurm!.env;
/** Array jobs that a sweep has submitted. */
const submitted = (runs: string) => {
  const path = sweepPath(runs);
  const parent = path === undefined ? undefined : join(path, 'slurm');
  if (parent === undefined || !existsSync(parent)) return [];
  return readdirSync(parent).filter((name) => existsSync(join(parent, name, 'submitted.json')));
};
const finished = (runs: string) => {
  const path = sweepPath(runs);
  const results = path === undefined ? '' : join(path, 'cells.jsonl');
  return existsSync(results) ? readFileSync(results, 'utf8').trim().split('\n').length : 0;
};
/** The processes of tasks of a sweep, the cells' own and those that watch them. */
const taskProcesses = (runs: string) =>
  processesOf((command, env) => command.includes(' worker ') && env.includes(`SHIELD_SLURM_ARRAY=${runs}`));

describe.skipIf(!slurm)(`slurm${slurm ? '' : ' (skipped: there is no cluster to be had here)'}`, () => {
  describe('the suite of every executor', async () => {
    const load = (path: string) => import(pathToFileURL(join(root, path)).href) as Promise<unknown>;
    // The built program: nodes run it too, and a cell is named by the code that carries it out.
    const { createShield } = (await load('dist/index.js')) as typeof Program;
    const testing = (await load('packages/core/dist/testing/index.js')) as typeof Testing;
    const program = join(root, 'bin', 'shield.js');
    const folders = [temporaryFolder(), temporaryFolder()];
    let planned: Promise<Testing.ConformanceSweep> | undefined;
    const plan = async () => {
      Object.assign(process.env, environment());
      const shields = folders.map((runsFolder): Promise<Core.Shield> => createShield({ runsFolder, program }));
      const [own, other] = await Promise.all(shields);
      return testing.conformanceSweep(own!, other!);
    };
    const { registry } = await createShield();
    const options = { poll: 0.5, mem: '1G' };
    const sweep = () => (planned ??= plan());
    for (const each of testing.executorConformance(registry.get('executor', 'slurm'), { options, sweep }))
      test(each.name, each.run);
  });

  test('a sweep that is killed finds its array job again; a task that is cancelled, and one that is killed, are done again', async () => {
    const runs = temporaryFolder();
    const killed = start(sweepArgs(SPEC, 'execution.at_once=1'), { runs, env: environment() });
    await until(() => taskProcesses(runs).length > 1 || killed.child.exitCode !== null);
    // The first one stands still, so that those behind it wait.
    for (const pid of taskProcesses(runs)) process.kill(pid, 'SIGSTOP');
    killed.child.kill('SIGKILL');
    await killed.outcome;
    expect(submitted(runs)).toContain('1');
    const first = join(sweepPath(runs)!, 'slurm', '1');
    const { job } = readJson<{ job: string }>(join(first, 'submitted.json'));
    expect(slurm!.queue('-j', job).length, 'the array job goes on').toBeGreaterThan(0);
    const tasks = readLines(join(first, 'jobs.jsonl')).length;
    slurm!.ask('scancel', `${job}_${tasks}`);
    for (const pid of taskProcesses(runs)) process.kill(pid, 'SIGKILL');
    const resumed = await shield(['resume', sweepPath(runs)!, '--json'], { runs, env: environment() });
    expect(resumed.code, resumed.stderr).toBe(0);
    const swept = JSON.parse(resumed.stdout) as Swept;
    expectSame(swept, await expected(), runs);
    // Each cell was submitted once, and those that were lost a second time, as another attempt.
    const jobs = submitted(runs).flatMap((name) =>
      readLines<{ cell: number; attempt: number }>(join(swept.path, 'slurm', name, 'jobs.jsonl')),
    );
    const once = jobs.filter(({ attempt }) => attempt === 1).map(({ cell }) => cell);
    expect(once.sort((a, b) => a - b)).toEqual(swept.cells.map(({ cell }) => cell));
    expect(jobs.length).toBeGreaterThan(CELLS);
    expect(jobs.length).toBeLessThan(2 * CELLS);
  });

  test('a sweep that is interrupted cancels its array job, and goes on when it is asked to', async () => {
    const runs = temporaryFolder();
    const sweep = start(sweepArgs(SPEC, 'execution.at_once=1'), { runs, env: environment() });
    await until(() => taskProcesses(runs).length > 1 || sweep.child.exitCode !== null);
    sweep.child.kill('SIGINT');
    const { code, stderr } = await sweep.outcome;
    expect(code, stderr).toBe(130);
    await until(() => slurm!.queue().length === 0);
    await until(() => taskProcesses(runs).length === 0);
    const resumed = await shield(sweepArgs(SPEC), { runs, env: environment() });
    expect(resumed.code, resumed.stderr).toBe(0);
    expectSame(JSON.parse(resumed.stdout) as Swept, await expected(), runs);
  });

  test('what Slurm refuses is told in its words, before anything is run', async () => {
    const runs = temporaryFolder();
    const refused = await shield(sweepArgs(SPEC, 'execution.partition=night'), { runs, env: environment() });
    expectError(refused, 2, 'EXECUTOR_REFUSED');
    expect(refused.stderr).toContain('invalid partition specified: night');
    const gres = await shield(sweepArgs(SPEC, 'execution.gres=gpu:1'), { runs, env: environment() });
    expectError(gres, 2, 'EXECUTOR_REFUSED');
    expect(cellRuns(runs).size).toBe(0);
  });

  test.skipIf(!full)('tasks cancelled and killed at random: nothing is lost and nothing doubled', async () => {
    const runs = temporaryFolder();
    const sweep = start(sweepArgs(SPEC), { runs, env: environment() });
    const counts = { cancelled: 0, killed: 0 };
    const ended = () => sweep.child.exitCode !== null;
    const any = <T>(from: readonly T[]): T | undefined => from[Math.floor(Math.random() * from.length)];
    // One for each cell that is done, so that no machine is too slow to get anywhere; by turns.
    for (let n = 1; n <= CELLS / 2 && !ended(); n++) {
      await until(() => finished(runs) >= n || ended());
      await sleep(1000 * Math.random());
      if (n % 2 === 0) {
        const victim = any(slurm!.queue('-t', 'RUNNING'))?.split(' ')[0];
        if (victim === undefined) continue;
        slurm!.ask('scancel', victim);
        counts.cancelled++;
      } else {
        const victim = any(taskProcesses(runs));
        if (victim === undefined) continue;
        process.kill(victim, 'SIGKILL');
        counts.killed++;
      }
    }
    const { code, stdout, stderr } = await sweep.outcome;
    expect(code, stderr).toBe(0);
    expectSame(JSON.parse(stdout) as Swept, await expected(), runs);
    expect(Math.min(counts.cancelled, counts.killed)).toBeGreaterThan(0);
    console.info(`${CELLS} cells, ${counts.cancelled} tasks cancelled, ${counts.killed} processes killed`);
  });

  test.skipIf(!full)(
    'a controller that stays away ends the sweep; it is resumed when there is one, with the jobs that went on',
    async () => {
      const runs = temporaryFolder();
      const sweep = start(sweepArgs(SPEC, 'execution.patience=2'), { runs, env: environment() });
      await until(() => taskProcesses(runs).length > 0 || sweep.child.exitCode !== null);
      await slurm!.kill('slurmctld', 'SIGTERM');
      expectError(await sweep.outcome, 1, 'EXECUTOR_UNREACHABLE');
      await slurm!.startController();
      const resumed = await shield(['resume', sweepPath(runs)!, '--json'], { runs, env: environment() });
      expect(resumed.code, resumed.stderr).toBe(0);
      expectSame(JSON.parse(resumed.stdout) as Swept, await expected(), runs);
    },
  );

  test.skipIf(!full)('a controller that is away is waited for; a node that fails loses no cell', async () => {
    const runs = temporaryFolder();
    const sweep = start(sweepArgs(SPEC), { runs, env: environment() });
    await until(() => finished(runs) >= 2 || sweep.child.exitCode !== null);
    await slurm!.kill('slurmctld', 'SIGTERM');
    await sleep(15_000);
    await slurm!.startController();
    await until(() => finished(runs) >= 6 || sweep.child.exitCode !== null);
    // As of a machine that loses its power: the daemon and all that runs there.
    await slurm!.kill('slurmd');
    for (const pid of processesOf((command) => command.includes('slurmstepd'))) process.kill(pid, 'SIGKILL');
    for (const pid of taskProcesses(runs)) process.kill(pid, 'SIGKILL');
    slurm!.ask('scontrol', 'update', `nodename=${slurm!.node}`, 'state=down', 'reason=test');
    await sleep(3000);
    await slurm!.startNode();
    const { code, stdout, stderr } = await sweep.outcome;
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(/Slurm is away: .*[\s\S]*its node failed/);
    expectSame(JSON.parse(stdout) as Swept, await expected(), runs);
  });
});

describe('without a cluster', () => {
  const empty = join(folder, 'bin');
  mkdirSync(empty);
  symlinkSync(process.execPath, join(empty, 'node'));

  test('there is no sbatch', async () => {
    const runs = temporaryFolder();
    const refused = await shield(sweepArgs(SPEC), { runs, env: { PATH: empty } });
    expectError(refused, 2, 'EXECUTOR_UNUSABLE');
    expect(refused.stderr).toContain('on this machine');
  });

  test.skipIf(!slurm)('there is no controller', async () => {
    const conf = join(folder, 'slurm.conf');
    const own = readFileSync(slurm!.env['SLURM_CONF']!, 'utf8');
    writeFileSync(conf, `${own.replace(/^SlurmctldPort=.*/m, 'SlurmctldPort=1')}MessageTimeout=2\n`);
    const runs = temporaryFolder();
    expectError(await shield(sweepArgs(SPEC), { runs, env: { SLURM_CONF: conf } }), 1, 'EXECUTOR_UNREACHABLE');
    expect(cellRuns(runs).size).toBe(0);
  });

  test('a worker of it is not started by hand', async () => {
    const runs = temporaryFolder();
    expectError(await shield(['worker', '--executor', 'slurm'], { runs }), 2, 'EXECUTOR_UNUSABLE');
  });
});
