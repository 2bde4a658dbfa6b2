import { spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mlflowProgram, MlflowReader, MlflowServer } from './mlflow-server.js';
import { expectError, readLines, runsIn, shield, SMOKE, temporaryFolder } from './shield.js';

const ADMIN = { user: 'admin', password: 'a long & odd: passphrase' };
/** Starting this server takes longer than all that is asked of it: part of npm run test:full. */
const program = process.env['SHIELD_TEST_FULL'] ? mlflowProgram() : undefined;
const database = program ? postgres(program) : undefined;

/** A database of its own on the PostgreSQL server that the usual variables name; by the driver that the server uses. */
function postgres(mlflow: string): { uri: string; drop: () => void } | undefined {
  const host = process.env['PGHOST'] ?? '127.0.0.1';
  const port = process.env['PGPORT'] ?? '5432';
  const user = process.env['PGUSER'] ?? 'postgres';
  const password = process.env['PGPASSWORD'];
  const login = `${user}${password ? `:${encodeURIComponent(password)}` : ''}@${host}:${port}`;
  const name = `shield_test_${randomInt(2 ** 40)}`;
  const execute = (sql: string) => {
    const code = `import sys, psycopg2
connection = psycopg2.connect(sys.argv[1], connect_timeout=5)
connection.autocommit = True
connection.cursor().execute(sys.argv[2])`;
    const python = join(dirname(mlflow), 'python');
    return spawnSync(python, ['-c', code, `postgresql://${login}/postgres`, sql], { encoding: 'utf8' });
  };
  const { status, stderr } = execute(`CREATE DATABASE ${name}`);
  if (status !== 0) {
    console.warn(`tests with PostgreSQL are skipped: ${stderr.trim().split('\n').at(-1)}`);
    return undefined;
  }
  const drop = () => void execute(`DROP DATABASE ${name} WITH (FORCE)`);
  // SQLAlchemy of today would take psycopg 3 otherwise.
  return { uri: `postgresql+psycopg2://${login}/${name}`, drop };
}

describe.skipIf(!database)(
  'a server with PostgreSQL and basic authentication (npm run test:full, where there is one)',
  () => {
    let server: MlflowServer;
    beforeAll(async () => {
      server = await MlflowServer.start(program!, { store: database!.uri, admin: ADMIN });
    });
    afterAll(async () => {
      await server?.stop();
      database!.drop();
    });

    test('wrong credentials: the run is not hurt, sync names what to mend, and with the right ones sends all', async () => {
      const runs = temporaryFolder();
      const env = { MLFLOW_TRACKING_USERNAME: ADMIN.user, MLFLOW_TRACKING_PASSWORD: 'wrong' };
      const tracking = `+tracking={mlflow: {uri: "${server.uri}", experiment: with postgres}}`;
      const args = ['run', SMOKE, '~attacks.cw_l2', 'dataset.limit=4', 'batch=4', 'execution.strip=1', tracking];
      const { code, stderr } = await shield(args, { runs, env });
      expect(code, stderr).toBe(0);
      expect(stderr).toMatch(/MLflow server .* refused .*shield sync \S+ sends the rest/);

      const refused = await shield(['sync'], { runs, env });
      expectError(refused, 1, 'TRACKING_REFUSED');
      expect(refused.stderr).toContain('MLFLOW_TRACKING_PASSWORD');
      expect(refused.stderr).not.toContain('wrong');

      const known = { ...env, MLFLOW_TRACKING_PASSWORD: ADMIN.password };
      expect((await shield(['sync'], { runs, env: known })).code).toBe(0);
      expect((await shield(['sync', 'latest'], { runs, env: known })).stdout).toContain(': 0 metric points, 0 files');

      const login = `Basic ${Buffer.from(`${ADMIN.user}:${ADMIN.password}`).toString('base64')}`;
      const there = await new MlflowReader(server.uri, login).theRun('with postgres');
      expect(there.status).toBe('FINISHED');
      expect(there.params['tracking.mlflow.experiment']).toBe('with postgres');
      const expected: Record<string, string[]> = {};
      for (const entry of readLines<Record<string, unknown>>(join(runsIn(runs)[0]!, 'journal.jsonl'))) {
        if (entry['type'] !== 'metric') continue;
        const { key, value, time } = entry as { key: string; value: number; time: string };
        (expected[key] ??= []).push(`${value} ${Date.parse(time)} 0`);
      }
      expect(Object.keys(expected).length).toBeGreaterThan(20);
      expect(there.metrics).toMatchObject(expected);
      expect(Object.keys(there.artifacts)).toContain('per-image.json');
    });
  },
);
