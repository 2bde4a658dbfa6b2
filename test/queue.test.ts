import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { childrenOf } from './processes.js';
import { RedisServer, freePort, hasRedis } from './redis-server.js';
import { canBeElsewhere, expectError, readJson, runsIn, shield, start, temporaryFolder, until } from './shield.js';
import { cellRuns, expectSame, lightSweep, sweptInline, type Swept } from './swept.js';
import { TcpProxy } from './tcp-proxy.js';

/** Hundreds of cells, Redis restarted and workers that hang take minutes: SHIELD_TEST_FULL=1. */
const full = process.env['SHIELD_TEST_FULL'] === '1';
const CELLS = full ? 200 : 4;

if (full) vi.setConfig({ testTimeout: 3_600_000 });

const folder = temporaryFolder();
const SPEC = lightSweep(folder, 'queue', CELLS);
const reference = temporaryFolder();
let inline: Promise<Swept> | undefined;

/** Nothing lost, nothing doubled, and the results are those of one process. */
async function expectAll(stdout: string, runs: string): Promise<void> {
  expectSame(JSON.parse(stdout) as Swept, await (inline ??= sweptInline(SPEC, reference)), runs);
}

/** Cells that the sweep in this folder has handed over, as its journal tells. */
function queued(runs: string): number {
  const journals = runsIn(runs).map((path) => join(path, 'journal.jsonl'));
  return journals.flatMap((path) => readFileSync(path, 'utf8').match(/"phase":"queued"/g) ?? []).length;
}

interface Provenance {
  readonly machine: { readonly host: string };
}

const finishedRuns = (runs: string) =>
  readdirSync(runs).filter((name) => readdirSync(join(runs, name)).includes('metrics.json')).length;

describe('local', () => {
  test('workers killed with -9: every cell is done, with the results of one process, in one run each', async () => {
    const runs = temporaryRuns();
    const sweep = start(['sweep', SPEC, '--json', '--executor', 'local', 'execution.workers=2'], { runs });
    let killed = 0;
    const killing = (async () => {
      while (killed < (full ? 12 : 1) && sweep.child.exitCode === null) {
        await sleep(full ? 2500 : 1500);
        const victims = childrenOf(sweep.child.pid!);
        const victim = victims[Math.floor(Math.random() * victims.length)];
        if (victim === undefined) continue;
        process.kill(victim, 'SIGKILL');
        killed++;
      }
    })();
    const { code, stdout, stderr } = await sweep.outcome;
    await killing;
    expect(code, stderr).toBe(0);
    await expectAll(stdout, runs);
    for (const [cell, ids] of cellRuns(runs)) expect(ids, `cell ${cell} has ${ids.length} runs`).toHaveLength(1);
  });

  test.skipIf(!full)('a worker that hangs is ended, and its cell done', async () => {
    const runs = temporaryRuns();
    const options = ['execution.workers=1', 'execution.hang_after=6'];
    const sweep = start(['sweep', SPEC, '--json', '--executor', 'local', ...options], { runs });
    await until(() => finishedOr(runs, 1) || sweep.child.exitCode !== null);
    const [worker] = childrenOf(sweep.child.pid!);
    process.kill(worker!, 'SIGSTOP');
    const { code, stdout, stderr } = await sweep.outcome;
    expect(code, stderr).toBe(0);
    await expectAll(stdout, runs);
  });
});

const temporaryRuns = temporaryFolders(13);
function temporaryFolders(n: number): () => string {
  const folders = Array.from({ length: n }, temporaryFolder);
  return () => folders.pop()!;
}

function finishedOr(runs: string, n: number): boolean {
  try {
    return finishedRuns(runs) >= n;
  } catch {
    return false;
  }
}

describe.skipIf(!hasRedis)(`bullmq${hasRedis ? '' : ' (skipped: there is no redis-server)'}`, () => {
  const redisFolder = temporaryFolder();
  let redis: RedisServer;
  beforeAll(async () => void (redis = await RedisServer.start(redisFolder)));
  afterAll(() => redis.end());

  const worker = (runs: string, queue: string, url = redis.url) =>
    start(['worker', '--queue', queue, `redis=${url}`, 'lock=4'], { runs });
  const sweepOver = (runs: string, queue: string, url = redis.url) => {
    const options = [`execution.queue=${queue}`, `execution.redis=${url}`, 'execution.lock=4'];
    return start(['sweep', SPEC, '--json', '--executor', 'bullmq', ...options], { runs });
  };

  test.skipIf(!full)(
    'workers killed with -9, Redis restarted, the network cut: nothing is lost and nothing doubled',
    async () => {
      const runs = temporaryRuns();
      const proxy = await TcpProxy.start(redis.port, await freePort());
      const url = `redis://127.0.0.1:${proxy.port}`;
      const workers = [worker(runs, 'chaos'), worker(runs, 'chaos', url)];
      const sweep = sweepOver(runs, 'chaos');
      const chaos = (async () => {
        await until(() => finishedOr(runs, 1) || sweep.child.exitCode !== null);
        workers[0]!.child.kill('SIGKILL');
        workers.push(worker(runs, 'chaos'));
        await until(() => finishedOr(runs, 3) || sweep.child.exitCode !== null);
        await redis.end('SIGKILL');
        await sleep(1000);
        await redis.run();
        await until(() => finishedOr(runs, 5) || sweep.child.exitCode !== null);
        await proxy.cut();
        await sleep(3000);
        await proxy.mend();
        for (let n = 10; full && n < CELLS && sweep.child.exitCode === null; n += 20) {
          await until(() => finishedOr(runs, n) || sweep.child.exitCode !== null);
          const victim = workers.splice(Math.floor(Math.random() * workers.length), 1)[0]!;
          victim.child.kill('SIGKILL');
          workers.push(worker(runs, 'chaos'));
        }
      })();
      const { code, stdout, stderr } = await sweep.outcome;
      await chaos;
      for (const { child } of workers) child.kill('SIGTERM');
      await Promise.all(workers.map(({ outcome }) => outcome));
      await proxy.cut();
      expect(code, stderr).toBe(0);
      await expectAll(stdout, runs);
    },
  );

  test.skipIf(!full)(
    'a worker that hangs lets its lock lapse; the cell goes to another, and one result counts',
    async () => {
      const runs = temporaryRuns();
      const first = worker(runs, 'hanging');
      const sweep = sweepOver(runs, 'hanging');
      await until(() => finishedOr(runs, 1) || sweep.child.exitCode !== null);
      // The worker and its process: both stand still in the middle of a cell, and go on when another has done it.
      const stopped = [first.child.pid!, ...childrenOf(first.child.pid!)];
      for (const pid of stopped) process.kill(pid, 'SIGSTOP');
      const second = worker(runs, 'hanging');
      const done = await Promise.race([sweep.outcome, sleep(90_000)]);
      for (const pid of stopped) process.kill(pid, 'SIGCONT');
      const { code, stdout, stderr } = done ?? (await sweep.outcome);
      for (const { child } of [first, second]) child.kill('SIGTERM');
      await Promise.all([first.outcome, second.outcome]);
      expect(code, stderr).toBe(0);
      await expectAll(stdout, runs);
    },
  );

  test('a Redis that does not come back ends the sweep after a while; it goes on when Redis is there again', async () => {
    const runs = temporaryRuns();
    const own = await RedisServer.start(temporaryRuns());
    const options = ['execution.queue=gone', `execution.redis=${own.url}`, 'execution.patience=2'];
    const args = ['sweep', SPEC, '--json', '--executor', 'bullmq', ...options];
    const sweep = start(args, { runs });
    await until(() => queued(runs) === CELLS || sweep.child.exitCode !== null);
    await own.end('SIGKILL');
    const ended = await sweep.outcome;
    expectError(ended, 1, 'EXECUTOR_UNREACHABLE');
    expect(ended.stderr).toContain('execution.patience');
    await own.run();
    try {
      const working = worker(runs, 'gone', own.url);
      const { code, stdout, stderr } = await shield(args, { runs });
      working.child.kill('SIGTERM');
      await working.outcome;
      expect(code, stderr).toBe(0);
      await expectAll(stdout, runs);
      expect(runsIn(runs), 'the sweep, and a run for each cell').toHaveLength(1 + CELLS);
    } finally {
      await own.end();
    }
  });

  test.skipIf(!full)('a worker told to stop while Redis is away ends, and its cell is done by another', async () => {
    const runs = temporaryRuns();
    const own = await RedisServer.start(temporaryRuns());
    try {
      const first = worker(runs, 'left', own.url);
      const sweep = sweepOver(runs, 'left', own.url);
      await until(() => cellRuns(runs).size > 0 || sweep.child.exitCode !== null);
      await own.end('SIGKILL');
      first.child.kill('SIGTERM');
      const stopped = await first.outcome;
      expect(stopped.code, stopped.stderr).toBe(143);
      expect(stopped.stderr).toContain('is away: what this worker had goes to others after 4 s');
      await own.run();
      const second = worker(runs, 'left', own.url);
      const { code, stdout, stderr } = await sweep.outcome;
      second.child.kill('SIGTERM');
      await second.outcome;
      expect(code, stderr).toBe(0);
      await expectAll(stdout, runs);
    } finally {
      await own.end();
    }
  });

  test(`light cells in the worker's own process: the same results, recorded as those of its machine`, async () => {
    const runs = temporaryRuns();
    const args = ['worker', '--queue', 'light', `redis=${redis.url}`, '--in-process', '--slots', '3'];
    const working = start(args, { runs, ...(canBeElsewhere ? { hostname: 'elsewhere' } : {}) });
    const sweep = sweepOver(runs, 'light');
    const { code, stdout, stderr } = await sweep.outcome;
    working.child.kill('SIGTERM');
    await working.outcome;
    expect(code, stderr).toBe(0);
    await expectAll(stdout, runs);
    const machines = runsIn(runs).map((path) => readJson<Provenance>(join(path, 'provenance.json')).machine.host);
    const place = canBeElsewhere ? 'elsewhere' : hostname();
    expect(machines).toEqual([hostname(), ...Array.from({ length: CELLS }, () => place)]);
  });

  test('a worker whose code differs refuses its cell, says so and ends; the cell goes to another', async () => {
    const runs = temporaryRuns();
    const plugin = join(folder, 'still.ts');
    const code = `import { defineAttack } from '@shield/core';
import { Type } from '@sinclair/typebox';
export default defineAttack({
  name: 'still', summary: 'does nothing', norm: 'none', targeted: false, needs: 'nothing', random: false,
  options: Type.Object({}), cost: () => ({ forwards: 0, gradients: 0 }),
  run: async ({ images, labels }) => ({ images: images.clone(), iterations: new Int32Array(labels.length) }),
});
`;
    writeFileSync(plugin, code);
    const spec = join(folder, 'differs.yaml');
    const changes = [
      ['name: queue', 'name: differs\nplugins: [./still.ts]'],
      ['{ fgsm: { use: fgsm, eps: 16 } }', '{ still: { use: still } }'],
      [/sweep: .*/, 'sweep: { repeats: 2, retries: 1, backoff: 0.2 }'],
    ] as const;
    writeFileSync(
      spec,
      changes.reduce((text, [from, to]) => text.replace(from, to), readFileSync(SPEC, 'utf8')),
    );
    const options = ['execution.queue=differs', `execution.redis=${redis.url}`];
    const sweep = start(['sweep', spec, '--json', '--executor', 'bullmq', ...options], { runs });
    let told = '';
    sweep.child.stderr!.on('data', (chunk: Buffer) => (told += chunk.toString()));
    // The sweep's own run is there: its cells are planned.
    await until(() => runsIn(runs).length > 0 || sweep.child.exitCode !== null);
    writeFileSync(plugin, `${code}// as of another version\n`);
    const refused = await worker(runs, 'differs').outcome;
    writeFileSync(plugin, code);
    expectError(refused, 1, 'WORKER_DIFFERS');
    // The queue has no worker any more, which is told although the sweep has had one.
    await until(() => told.includes('any more') || sweep.child.exitCode !== null);
    const second = worker(runs, 'differs');
    const { code: exit, stdout, stderr } = await sweep.outcome;
    expect(stderr.match(/no worker takes cells from the queue "differs" any more/g)).toHaveLength(1);
    second.child.kill('SIGTERM');
    await second.outcome;
    expect(exit, stderr).toBe(0);
    expect((JSON.parse(stdout) as Swept).cells.map(({ state }) => state)).toEqual(['COMPLETED', 'COMPLETED']);
  });

  test('a Redis that is not there, or that wants a password, is told before anything is run', async () => {
    const runs = temporaryRuns();
    const nobody = `redis://127.0.0.1:${await freePort()}`;
    expectError(await sweepOver(runs, 'q', nobody).outcome, 1, 'EXECUTOR_UNREACHABLE');
    expectError(await worker(runs, 'q', nobody).outcome, 1, 'EXECUTOR_UNREACHABLE');
    const locked = await RedisServer.start(temporaryRuns(), '--requirepass', 'secret');
    try {
      const refused = await sweepOver(runs, 'q', locked.url).outcome;
      expectError(refused, 2, 'EXECUTOR_REFUSED');
      expect(refused.stderr).toContain('wants a password');
      const env = { SHIELD_REDIS_PASSWORD: 'wrong' };
      const args = ['worker', '--queue', 'q', `redis=${locked.url}`];
      expectError(await shield(args, { runs, env }), 2, 'EXECUTOR_REFUSED');
    } finally {
      await locked.end();
    }
    expect(cellRuns(runs).size).toBe(0);
  });
});
