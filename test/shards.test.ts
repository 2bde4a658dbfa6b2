import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { childrenOf, parentOf } from './processes.js';
import { RedisServer, hasRedis } from './redis-server.js';
import {
  attackedBatches,
  expectError,
  readLines,
  runsIn,
  shield,
  start,
  temporaryFolder,
  until,
  withoutTimes,
  type JsonResult,
} from './shield.js';
import { OneProcess, artifacts, perImage, shardEvents, shardedText } from './sharded.js';

// A large run over worker processes: shards compute its batches, the run collects them. Held to one process, bit for bit.

/** More ways to split, and threats beside gray-box: SHIELD_TEST_FULL=1. */
const full = process.env['SHIELD_TEST_FULL'] === '1';

const folder = temporaryFolder();
const one = new OneProcess();
const SPEC = one.spec;

const local = (shards: number | string, workers = 2) => [
  'execution.use=local',
  `execution.workers=${workers}`,
  `execution.shards=${shards}`,
];

async function run(runs: string, ...overrides: string[]): Promise<JsonResult> {
  const { code, stdout, stderr } = await shield(['run', SPEC, '--json', ...overrides], { runs });
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout) as JsonResult;
}

/** Batches of a run that other processes computed are none of its own. */
const batchesOf = ({ path }: Pick<JsonResult, 'path'>) =>
  readLines<{ type: string }>(join(path, 'journal.jsonl')).filter(({ type }) => type === 'batch').length;

const temporary = Array.from({ length: 24 }, temporaryFolder);
const fresh = () => temporary.pop()!;

describe('a run over worker processes', () => {
  test.each(full ? [1, 2, 3, 5] : [3])('in %s shards leaves what one process leaves, bit for bit', async (shards) => {
    const runs = fresh();
    const result = await run(runs, ...local(shards));
    await one.expectEqual(runs, result);
    const ended = shardEvents(result).filter(({ phase }) => phase === 'ended');
    expect(ended.map(({ shard }) => shard).sort()).toEqual(
      shards === 1 ? [] : Array.from({ length: shards }, (_, i) => i + 1),
    );
    if (shards > 1) expect(batchesOf(result)).toBe(0);
  });

  test.skipIf(!full)('auto: as many shards as workers, and none without a batch', async () => {
    const runs = fresh();
    const result = await run(runs, ...local('auto', 2), 'dataset.limit=4', '~attacks.cw_l2');
    expect(new Set(shardEvents(result).map(({ shards }) => shards))).toEqual(new Set([2]));
    const few = await run(runs, ...local(50), 'dataset.limit=6', '~attacks.cw_l2');
    expect(new Set(shardEvents(few).map(({ shards }) => shards))).toEqual(new Set([3]));
  });

  test('a worker killed with -9 in the middle: its batches go elsewhere, and finished ones stand', async () => {
    const runs = fresh();
    const started = start(['run', SPEC, '--json', ...local(2)], { runs });
    await until(() => attackedBatches(runs).length > 0 || started.child.exitCode !== null);
    const before = attackedBatches(runs);
    const [victim] = childrenOf(started.child.pid!);
    process.kill(victim!, 'SIGKILL');
    const { code, stdout, stderr } = await started.outcome;
    expect(code, stderr).toBe(0);
    const result = JSON.parse(stdout) as JsonResult;
    const lost = shardEvents(result).filter(({ phase }) => phase === 'retry');
    expect(lost.map(({ error }) => error!.code)).toEqual(['WORKER_LOST']);
    expect(attackedBatches(runs)).toEqual(expect.arrayContaining(before));
    await one.expectEqual(runs, result);
  });

  test.skipIf(!full)('killed with -9 as a whole, it is resumed: by workers again, with the same result', async () => {
    const runs = fresh();
    const started = start(['run', SPEC, '--json', ...local(2)], { runs });
    await until(() => attackedBatches(runs).length > 0 || started.child.exitCode !== null);
    started.child.kill('SIGKILL');
    await started.outcome;
    const before = attackedBatches(runs);
    const { code, stdout, stderr } = await shield(['resume', 'latest', '--json'], { runs });
    expect(code, stderr).toBe(0);
    expect(attackedBatches(runs)).toEqual(expect.arrayContaining(before));
    await one.expectEqual(runs, JSON.parse(stdout) as JsonResult);
    expect(runsIn(runs)).toHaveLength(1);
  });

  test.skipIf(!full)('Ctrl-C stops the shards with the run, and shield resume goes on', async () => {
    const runs = fresh();
    const started = start(['run', SPEC, '--json', ...local(2)], { runs });
    await until(() => attackedBatches(runs).length > 0 || started.child.exitCode !== null);
    const children = childrenOf(started.child.pid!);
    started.child.kill('SIGINT');
    const { code, stderr } = await started.outcome;
    expect(code, stderr).toBe(130);
    expect(stderr).toContain('shield resume');
    await until(() => children.every((pid) => parentOf(pid) === undefined));
    const before = attackedBatches(runs);
    const { stdout, ...resumed } = await shield(['resume', 'latest', '--json'], { runs });
    expect(resumed.code, resumed.stderr).toBe(0);
    expect(attackedBatches(runs)).toEqual(expect.arrayContaining(before));
    await one.expectEqual(runs, JSON.parse(stdout) as JsonResult);
  });

  test('two runs that need the same at the same time divide it: each batch is computed once', async () => {
    const runs = fresh();
    const results = await Promise.all([run(runs, ...local(2)), run(runs, ...local(3)), run(runs)]);
    await one.expectEqual(runs, ...results);
  });

  test('what a shard fails of is the error of the run, in its words', async () => {
    const runs = fresh();
    const images = join(folder, 'photos', 'one');
    mkdirSync(images, { recursive: true });
    for (const name of ['a', 'b', 'c']) writeFileSync(join(images, `${name}.png`), 'no image');
    const spec = join(folder, 'broken.yaml');
    writeFileSync(
      spec,
      shardedText().replace('use: drawn, limit: 11', `use: image_folder, path: ${join(folder, 'photos')}`),
    );
    expectError(await shield(['run', spec, ...local(2)], { runs }), 1, 'IMAGE_CORRUPT');
    const [path] = runsIn(runs);
    expect(shardEvents({ path: path! }).some(({ error }) => error?.code === 'IMAGE_CORRUPT')).toBe(true);
  });

  test.skipIf(!full)('adaptive and black-box threats, random ensembles and targets are the same, too', async () => {
    const threats = [
      ['threat={adaptive: {eot: 2}}', '~attacks.cw_l2'],
      ['threat={black-box: {model: {use: small_cnn}}}', '~attacks.cw_l2'],
      [
        '++defenses.both={use: ensemble, vote: random, members: [{defense: {use: jpeg, quality: 40}}, {defense: {use: slq, qualities: [20, 80], patch: 8}}]}',
        'attacks.cw_l2.target=least_likely',
      ],
    ];
    for (const overrides of threats) {
      const [whole, spread] = [fresh(), fresh()];
      const small = ['dataset.limit=5', ...overrides];
      const expected = await run(whole, ...small);
      const result = await run(spread, ...local(2), ...small);
      expect(artifacts(spread)).toEqual(artifacts(whole));
      expect(perImage(result)).toBe(perImage(expected));
    }
  });
});

test('cells of a sweep in shards: the results of one process, and each batch once', async () => {
  const spec = join(folder, 'sweep.yaml');
  writeFileSync(spec, shardedText('sweep: { grid: { defenses.jpeg.quality: [40, 70] } }\n'));
  const runs = fresh();
  const { code, stdout, stderr } = await shield(['sweep', spec, '--json', ...local(2)], { runs });
  expect(code, stderr).toBe(0);
  const { path, cells } = JSON.parse(stdout) as {
    path: string;
    cells: { run: string; metrics: Record<string, number> }[];
  };
  expect(cells).toHaveLength(2);
  const expected = await one.result();
  const result = { run: cells[0]!.run, path: join(runs, cells[0]!.run), metrics: cells[0]!.metrics };
  expect(perImage(result)).toBe(perImage(expected.result));
  expect(withoutTimes(result.metrics)).toEqual(withoutTimes(expected.result.metrics));
  expect(artifacts(runs)).toMatchObject(expected.artifacts);
  expect(cells.map(({ run }) => batchesOf({ path: join(runs, run) }))).toEqual([0, 0]);
  const told = readLines<{ type: string; cell: number; shard?: string; phase: string }>(join(path, 'journal.jsonl'));
  const ended = told.flatMap((entry) => (entry.type === 'cell' && entry.phase === 'ended' ? [entry] : []));
  expect(ended.map(({ cell, shard = 'whole' }) => `${cell} ${shard}`).sort()).toEqual([
    '1 1/2',
    '1 2/2',
    '1 whole',
    '2 1/2',
    '2 2/2',
    '2 whole',
  ]);
});

describe.skipIf(!hasRedis)(`bullmq${hasRedis ? '' : ' (skipped: there is no redis-server)'}`, () => {
  const redisFolder = temporaryFolder();
  let redis: RedisServer;
  beforeAll(async () => void (redis = await RedisServer.start(redisFolder)));
  afterAll(() => redis.end());

  test('shards over a queue: what one process leaves, also where a worker is killed with -9', async () => {
    const runs = fresh();
    // To the second one the shared folder has another name.
    const elsewhere = join(folder, 'mounted');
    symlinkSync(runs, elsewhere);
    const worker = (...more: string[]) =>
      start(['worker', '--queue', 'shards', `redis=${redis.url}`, 'lock=4', ...more], { runs });
    const workers = [worker(), worker('--runs', elsewhere)];
    const queue = [
      'execution.use=bullmq',
      'execution.queue=shards',
      `execution.redis=${redis.url}`,
      'execution.lock=4',
    ];
    const started = start(['run', SPEC, '--json', ...queue, 'execution.shards=3'], { runs });
    await until(() => attackedBatches(runs).length > 0 || started.child.exitCode !== null);
    workers[0]!.child.kill('SIGKILL');
    const { code, stdout, stderr } = await started.outcome;
    for (const { child } of workers) child.kill('SIGTERM');
    await Promise.all(workers.map(({ outcome }) => outcome));
    expect(code, stderr).toBe(0);
    await one.expectEqual(runs, JSON.parse(stdout) as JsonResult);
  });

  test.skipIf(!full)('auto asks how many workers listen', async () => {
    const runs = fresh();
    const workers = [1, 2].map(() => start(['worker', '--queue', 'auto', `redis=${redis.url}`], { runs }));
    let heard = '';
    for (const { child } of workers) child.stderr!.on('data', (chunk: Buffer) => (heard += chunk.toString()));
    await until(() => heard.split('takes one cell').length > 2);
    const queue = ['execution.use=bullmq', 'execution.queue=auto', `execution.redis=${redis.url}`];
    const result = await run(runs, ...queue, 'execution.shards=auto', 'dataset.limit=8', '~attacks.cw_l2');
    for (const { child } of workers) child.kill('SIGTERM');
    await Promise.all(workers.map(({ outcome }) => outcome));
    expect(new Set(shardEvents(result).map(({ shards }) => shards))).toEqual(new Set([2]));
  });
});
