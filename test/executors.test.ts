import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type * as Core from '@shield/core';
import type * as Testing from '@shield/core/testing';
import { afterAll, beforeAll, describe, test } from 'vitest';
import type * as Program from '../src/index.js';
import { RedisServer, hasRedis } from './redis-server.js';
import { root, start, temporaryFolder } from './shield.js';

// The built program: workers run it too, and a cell is named by the code that carries it out.
const load = (path: string) => import(pathToFileURL(join(root, path)).href) as Promise<unknown>;
const { createShield } = (await load('dist/index.js')) as typeof Program;
const testing = (await load('packages/core/dist/testing/index.js')) as typeof Testing;

const redisFolder = temporaryFolder();
const reference = temporaryFolder();
const program = join(root, 'bin', 'shield.js');

/** One sweep for all cases of an executor, in a folder of its own. */
function sweepIn(runsFolder: string): () => Promise<Testing.ConformanceSweep> {
  let planned: Promise<Testing.ConformanceSweep> | undefined;
  const plan = async () => {
    const shields = [runsFolder, reference].map((folder): Promise<Core.Shield> =>
      createShield({ runsFolder: folder, program }),
    );
    const [shield, other] = await Promise.all(shields);
    return testing.conformanceSweep(shield!, other!);
  };
  return () => (planned ??= plan());
}

const { registry } = await createShield();

describe.each([
  ['inline', {}],
  ['local', { workers: 2 }],
] as const)('%s', (name, options) => {
  const cases = testing.executorConformance(registry.get('executor', name), {
    options,
    sweep: sweepIn(temporaryFolder()),
  });
  for (const each of cases) test(each.name, each.run);
});

describe.skipIf(!hasRedis)(`bullmq${hasRedis ? '' : ' (skipped: there is no redis-server)'}`, () => {
  const runs = temporaryFolder();
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await RedisServer.start(redisFolder);
    process.env['SHIELD_REDIS_URL'] = redis.url;
  });
  afterAll(() => redis.end());

  const workers = async () => {
    const env = { SHIELD_REDIS_URL: redis.url };
    const started = [1, 2].map(() => start(['worker', '--queue', 'conformance'], { runs, env }));
    return async () => {
      for (const { child } of started) child.kill('SIGTERM');
      await Promise.all(started.map(({ outcome }) => outcome));
    };
  };
  const options = { queue: 'conformance', lock: 5 };
  const cases = testing.executorConformance(registry.get('executor', 'bullmq'), {
    options,
    sweep: sweepIn(runs),
    workers,
  });
  for (const each of cases) test(each.name, each.run);
});
