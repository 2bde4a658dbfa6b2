import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { RedisServer, freePort, hasRedis } from './redis-server.js';
import { BUCKET, CREDENTIALS, S3Server, s3Program } from './s3-server.js';
import { OneProcess } from './sharded.js';
import { attackedBatches, canBeElsewhere, expectError, readJson, readLines, runsIn, shield } from './shield.js';
import { start, temporaryFolder, until, withoutTimes, type JsonResult } from './shield.js';
import { TcpProxy } from './tcp-proxy.js';

const program = s3Program();
const full = process.env['SHIELD_TEST_FULL'] === '1';

/** Cells that need the same attack, of three batches. */
const SPEC = `name: apart
backend: cpu
batch: 2
model: { use: small_cnn }
dataset: { use: drawn, limit: 6 }
attacks: { fgsm: { use: fgsm, eps: 16 } }
defenses: { jpeg: { use: jpeg } }
execution: { threads: 1, strip: 0 }
evaluate: { top: [1], draws: 1 }
sweep: { grid: { defenses.jpeg.quality: [20, 40, 60, 80] }, retries: 5, backoff: 0.5 }
`;
const env = { ...CREDENTIALS, AWS_EC2_METADATA_DISABLED: 'true' };

interface Swept {
  readonly path: string;
  readonly cells: readonly { cell: number; state: string; run: string; metrics: Record<string, number> }[];
}
interface Event {
  readonly type: string;
  readonly stage?: string;
  readonly batch?: number;
}

describe.skipIf(!program || !hasRedis)('machines without a common folder (skipped without Redis and .ci/s3)', () => {
  const spec = join(temporaryFolder(), 'apart.yaml');
  let redis: RedisServer;
  let s3: S3Server;
  beforeAll(async () => {
    writeFileSync(spec, SPEC);
    redis = await RedisServer.start(temporaryFolder());
    s3 = await S3Server.start(program!);
  });
  afterAll(async () => {
    await s3?.end();
    await redis?.end();
  });
  const folders = Array.from({ length: 17 }, temporaryFolder);
  const folder = () => folders.pop()!;

  const worker = (queue: string, runs: string, more: object = {}) =>
    start(['worker', '--queue', queue, `redis=${redis.url}`, 'lock=4'], { runs, env, ...more });
  const sweep = (queue: string, runs: string, prefix: string, ...more: string[]) => {
    const options = [`execution.queue=${queue}`, `execution.redis=${redis.url}`, 'execution.lock=4'];
    options.push(`execution.artifacts=s3://${BUCKET}/${prefix}`, `execution.s3_endpoint=${s3.url}`);
    return start(['sweep', spec, '--json', '--executor', 'bullmq', ...options, ...more], { runs, env });
  };
  const inline = async () => {
    const { code, stdout, stderr } = await shield(['sweep', spec, '--json'], { runs: folder() });
    expect(code, stderr).toBe(0);
    return (JSON.parse(stdout) as Swept).cells;
  };
  let expected: ReturnType<typeof inline> | undefined;
  const expectAll = async (stdout: string) => {
    const { cells } = JSON.parse(stdout) as Swept;
    const reference = await (expected ??= inline());
    expect(cells.map(({ cell, state }) => [cell, state])).toEqual(reference.map(({ cell }) => [cell, 'COMPLETED']));
    for (const [i, { metrics }] of cells.entries())
      expect(withoutTimes(metrics)).toEqual(withoutTimes(reference[i]!.metrics));
    return cells;
  };

  test('share artifacts through S3: results as inline, the attack once, the runs where the sweep is', async () => {
    const [mine, one, two] = [folder(), folder(), folder()];
    const elsewhere = canBeElsewhere ? { hostname: 'elsewhere' } : {};
    const workers = [worker('apart', one), worker('apart', two, elsewhere)];
    const { code, stdout, stderr } = await sweep('apart', mine, 'together').outcome;
    for (const { child } of workers) child.kill('SIGTERM');
    await Promise.all(workers.map(({ outcome }) => outcome));
    expect(code, stderr + stdout).toBe(0);
    const cells = await expectAll(stdout);
    // Whole runs, of both machines, in the folder of the sweep alone.
    expect(runsIn(mine)).toHaveLength(1 + cells.length);
    const records = cells.map(({ run }) => join(mine, run));
    for (const path of records)
      expect(readdirSync(path)).toEqual(expect.arrayContaining(['metrics.json', 'spec.yaml']));
    const hosts = records.map((path) => readJson<Provenance>(join(path, 'provenance.json')).machine.host);
    for (const host of hosts) expect([hostname(), 'elsewhere']).toContain(host);
    // Each batch of the attack was computed by one of them.
    const computed = records
      .flatMap((path) => readLines<Event>(join(path, 'journal.jsonl')))
      .filter(({ type, stage }) => type === 'batch' && stage === 'attack');
    expect(computed.map(({ batch }) => batch).sort()).toEqual([0, 1, 2]);
    // What was put there says nothing of who may.
    const names = await s3.names();
    expect(names.filter((name) => /^together\/artifacts\/attacked-\w+\/batch-\d+\.tfrecord$/.test(name))).toHaveLength(
      3,
    );
    for (const path of runsIn(mine))
      for (const file of ['provenance.json', 'resolved.yaml', 'journal.jsonl'])
        expect(readFileSync(join(path, file), 'utf8')).not.toContain(CREDENTIALS.AWS_SECRET_ACCESS_KEY);
  });

  test('an object that is not what its record says is an error that names it', async () => {
    const damaged = (await s3.names()).filter((name) => /^together\/artifacts\/attacked-.*\.tfrecord$/.test(name));
    for (const name of damaged) await s3.overwrite(name, 'something else');
    const one = worker('damaged', folder());
    const more = ['defenses.jpeg.quality=30', '-m', 'sweep.retries=0'];
    const { code, stdout, stderr } = await sweep('damaged', folder(), 'together', ...more).outcome;
    one.child.kill('SIGTERM');
    await one.outcome;
    expect(code).toBe(1);
    expect(stdout + stderr).toMatch(
      /ARTIFACT_CORRUPT: .*s3:\/\/shield-tests\/together\/artifacts\/attacked-\w+\/batch/,
    );
  });

  test.skipIf(!full)('a server that is away in the middle is waited for', async () => {
    const proxy = await TcpProxy.start(s3.port, await freePort());
    const through = `execution.s3_endpoint=http://127.0.0.1:${proxy.port}`;
    const [mine, one] = [folder(), folder()];
    const working = worker('cut', one);
    const swept = sweep('cut', mine, 'cut', through);
    await until(() => runsIn(mine).length > 1 || swept.child.exitCode !== null);
    await proxy.cut();
    await sleep(15_000);
    await proxy.mend();
    const { code, stdout, stderr } = await swept.outcome;
    working.child.kill('SIGTERM');
    await working.outcome;
    await proxy.cut();
    expect(code, stderr).toBe(0);
    await expectAll(stdout);
  });

  test.skipIf(!full)('one run in shards: what one process leaves, also where a worker is killed with -9', async () => {
    const one = new OneProcess();
    const [mine, first, second] = [folder(), folder(), folder()];
    const workers = [worker('sharded', first), worker('sharded', second)];
    const options = ['use=bullmq', 'queue=sharded', `redis=${redis.url}`, 'lock=4', 'shards=3'];
    options.push(`artifacts=s3://${BUCKET}/sharded`, `s3_endpoint=${s3.url}`);
    const args = ['run', one.spec, '--json', ...options.map((option) => `execution.${option}`)];
    const running = start(args, { runs: mine, env });
    await until(
      () => [first, second].some((runs) => attackedBatches(runs).length > 0) || running.child.exitCode !== null,
    );
    const busy = attackedBatches(first).length > 0 ? 0 : 1;
    workers[busy]!.child.kill('SIGKILL');
    const { code, stdout, stderr } = await running.outcome;
    for (const { child } of workers) child.kill('SIGTERM');
    await Promise.all(workers.map(({ outcome }) => outcome));
    expect(code, stderr).toBe(0);
    const result = JSON.parse(stdout) as JsonResult;
    await one.expectEqual(mine, result);
    // It computed none of them itself.
    const own = readLines<Event>(join(result.path, 'journal.jsonl')).filter(({ type }) => type === 'batch');
    expect(own).toEqual([]);
  });

  test('what is wrong with the store is told before anything is run', async () => {
    const runs = folder();
    const at = (artifacts: string, endpoint: string) =>
      sweep('wrong', runs, 'x', `execution.artifacts=${artifacts}`, `execution.s3_endpoint=${endpoint}`).outcome;
    const strict = await S3Server.start(program!, { strict: true });
    try {
      const nobody = `http://127.0.0.1:${await freePort()}`;
      const [bucket, refused, away] = await Promise.all([
        at('s3://no-such-bucket/x', s3.url),
        at(`s3://${BUCKET}/x`, strict.url),
        at(`s3://${BUCKET}/x`, nobody),
      ]);
      expectError(bucket, 2, 'EXECUTOR_UNUSABLE');
      expect(bucket.stderr).toContain('no such bucket');
      expectError(refused, 2, 'EXECUTOR_REFUSED');
      expect(refused.stderr).toContain('AWS_ACCESS_KEY_ID');
      expectError(away, 1, 'EXECUTOR_UNREACHABLE');
    } finally {
      await strict.end();
    }
  });
});

interface Provenance {
  readonly machine: { readonly host: string };
}
