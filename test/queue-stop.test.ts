import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Queue } from 'bullmq';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { ownAttack } from './own-attack.js';
import { RedisServer, hasRedis } from './redis-server.js';
import { start, temporaryFolder, until } from './shield.js';
import { cellRuns, type Swept } from './swept.js';

/** Waiting until a lock lapses takes longer: SHIELD_TEST_FULL=1. */
const full = process.env['SHIELD_TEST_FULL'] === '1';

describe.skipIf(!hasRedis)(
  `a sweep over bullmq is stopped${hasRedis ? '' : ' (skipped: there is no redis-server)'}`,
  () => {
    const [redisFolder, folder] = [temporaryFolder(), temporaryFolder()];
    /** What the cells of these tests wait for, in each of their two batches. */
    const go = join(folder, 'go');
    const here = join(folder, 'here');
    const wait = `const { existsSync, writeFileSync } = await import('node:fs');
    writeFileSync(${JSON.stringify(here)}, '');
    while (!existsSync(${JSON.stringify(go)})) await sleep(50);`;
    let redis: RedisServer;
    let spec: string;
    beforeAll(async () => {
      redis = await RedisServer.start(redisFolder);
      const execution = `use: bullmq, redis: '${redis.url}'`;
      spec = ownAttack(folder, { name: 'waits', body: wait, execution, images: 8 });
    });
    afterAll(() => redis.end());

    const setting = (queue: string) => {
      const runs = temporaryFolder();
      const jobs = new Queue(queue, { connection: { port: redis.port }, prefix: 'shield' });
      afterAll(() => jobs.close());
      return {
        runs,
        jobs,
        worker: (lock = 30) => start(['worker', '--queue', queue, `redis=${redis.url}`, `lock=${lock}`], { runs }),
        sweep: () => start(['sweep', spec, '--json', `execution.queue=${queue}`], { runs }),
        /** Until a worker is in the middle of the first batch. */
        atWork: async () => {
          await until(() => existsSync(here));
          expect(await jobs.getActiveCount()).toBe(1);
        },
      };
    };

    const others = [
      ['no other is there', 0],
      ['another is there', 1],
    ] as const;
    test.each(full ? others : others.slice(0, 1))(
      'a worker killed with -9 leaves nothing in the queue: %s',
      async (name, others) => {
        for (const path of [go, here]) rmSync(path, { force: true });
        const { jobs, worker, sweep, atWork } = setting(`killed-${others}`);
        const [killed, stopped] = [worker(2), sweep()];
        await atWork();
        const other = Array.from({ length: others }, () => worker(2));
        if (other.length > 0) await sleep(3000);
        killed.child.kill('SIGKILL');
        stopped.child.kill('SIGINT');
        const began = performance.now();
        const { code, stderr } = await stopped.outcome;
        expect(code, stderr).toBe(130);
        expect(performance.now() - began, name).toBeLessThan(15_000);
        await vi.waitFor(async () => expect(await jobs.getJobs()).toEqual([]), 15_000);
        for (const { child } of other) child.kill('SIGTERM');
        for (const { outcome } of other) expect((await outcome).stderr).not.toContain('COMPLETED');
      },
    );

    test('it does not wait for its worker: the same sweep goes on with the cell that the worker left', async () => {
      for (const path of [go, here]) rmSync(path, { force: true });
      const { runs, worker, sweep, atWork } = setting('left');
      const [working, stopped] = [worker(), sweep()];
      await atWork();
      stopped.child.kill('SIGINT');
      await sleep(400);
      stopped.child.kill('SIGINT');
      expect((await stopped.outcome).code).toBe(130);
      let told = '';
      working.child.stderr!.on('data', (chunk: Buffer) => (told += chunk.toString()));
      writeFileSync(go, '');
      await until(() => told.includes('INTERRUPTED'));
      const { code, stdout, stderr } = await sweep().outcome;
      working.child.kill('SIGTERM');
      await working.outcome;
      expect(code, stderr).toBe(0);
      const [cell] = (JSON.parse(stdout) as Swept).cells;
      expect(cell).toMatchObject({ state: 'COMPLETED' });
      expect([...cellRuns(runs)], 'one run').toEqual([[1, [cell!.run]]]);
    });
  },
);
