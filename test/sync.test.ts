import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { shield } from './resident.js';
import { expectError, readJson, runsIn, SMOKE, temporaryFolder } from './shield.js';

const QUICK = ['~attacks.cw_l2', '~defenses.jpeg', 'dataset.limit=4', 'batch=4', 'execution.strip=0'] as const;

/** Nothing listens on port 1. */
const ABSENT = { MLFLOW_TRACKING_URI: 'http://127.0.0.1:1', MLFLOW_HTTP_REQUEST_MAX_RETRIES: '0' };

describe('without a server that answers', () => {
  const runs = temporaryFolder();

  test('a run is not hurt: one warning of what is missing, and how to send it', async () => {
    const { code, stdout, stderr } = await shield(['run', SMOKE, ...QUICK], { runs, env: ABSENT });
    expect(code, stderr).toBe(0);
    expect(stdout).toContain('rounded to 8 bits');
    const id = runsIn(runs)[0]!.split('/').at(-1)!;
    expect(stderr).toContain(`not all of the run is on the MLflow server (the MLflow server http://127.0.0.1:1 cannot`);
    expect(stderr).toContain(`shield sync ${id} sends the rest`);
    expect(stderr).not.toMatch(/\n\s+at /);
    expect(readFileSync(join(runsIn(runs)[0]!, 'journal.jsonl'), 'utf8')).toContain('"COMPLETED"');
  });

  test('an address that is no server: a warning, and the run goes on', async () => {
    const env = { MLFLOW_TRACKING_URI: 'sqlite:///mlflow.db' };
    const { code, stderr } = await shield(['run', SMOKE, ...QUICK], { runs, env });
    expect(code, stderr).toBe(0);
    expect(stderr).toContain('MLflow: sqlite:///mlflow.db is not a tracking server');
  });

  test('a server that never answers: the run ends all the same, and has everything', async () => {
    const { uri, stop } = await listening(() => undefined);
    // An answer may take ten minutes: it is not the request's own limit that ends the waiting.
    const env = { MLFLOW_TRACKING_URI: uri, MLFLOW_HTTP_REQUEST_TIMEOUT: '600' };
    const other = temporaryFolder();
    const { code, stdout, stderr } = await shield(['run', SMOKE, ...QUICK], { runs: other, env });
    await stop();
    expect(code, stderr).toBe(0);
    expect(stdout).toContain('rounded to 8 bits');
    expect(stderr).toMatch(/not all of the run is on the MLflow server .*; shield sync \S+ sends the rest/);
    expect(readFileSync(join(runsIn(other)[0]!, 'journal.jsonl'), 'utf8')).toContain('"COMPLETED"');
  });

  test('a password that is wrong: what to mend, and no word of it', async () => {
    // As MLflow's basic authentication answers.
    const { uri, stop } = await listening((_, answer) =>
      answer
        .writeHead(401, { 'www-authenticate': 'Basic realm="mlflow"', 'content-type': 'text/html; charset=utf-8' })
        .end('You are not authenticated. Please see https://www.mlflow.org/docs/latest/auth/index.html'),
    );
    const env = { MLFLOW_TRACKING_URI: uri, MLFLOW_TRACKING_USERNAME: 'me', MLFLOW_TRACKING_PASSWORD: 'hush-hush' };
    const outcome = await shield(['sync', 'latest'], { runs, env });
    await stop();
    expectError(outcome, 1, 'TRACKING_REFUSED');
    expect(outcome.stderr).toContain('MLFLOW_TRACKING_PASSWORD');
    expect(outcome.stderr).toContain('You are not authenticated');
    expect(outcome.stderr).not.toContain('hush-hush');
  });

  test('shield sync says what is the matter', async () => {
    expectError(await shield(['sync'], { runs, env: ABSENT }), 1, 'TRACKING_UNREACHABLE');
    expectError(await shield(['sync'], { runs, env: { MLFLOW_TRACKING_URI: '' } }), 2, 'TRACKING_NOT_CONFIGURED');
    const local = { MLFLOW_TRACKING_URI: './mlruns' };
    expectError(await shield(['sync', 'latest'], { runs, env: local }), 1, 'TRACKING_UNSUPPORTED');
    expectError(await shield(['sync', 'nothing'], { runs, env: ABSENT }), 2, 'RUN_NOT_FOUND');
  });

  test('shield ui: the address, or that the run was sent nowhere', async () => {
    expect((await shield(['ui'], { runs, env: ABSENT })).stdout).toBe('http://127.0.0.1:1\n');
    expectError(await shield(['ui', 'latest'], { runs, env: ABSENT }), 2, 'CLI_USAGE');
    const env = { MLFLOW_TRACKING_URI: '', PATH: '/nowhere' };
    expectError(await shield(['ui'], { runs, env }), 2, 'TRACKING_NOT_CONFIGURED');
    expectError(await shield(['ui', '--port', '99999'], { runs, env }), 2, 'CLI_USAGE');
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const taken = await shield(['ui', '--port', String(port)], { runs, env });
    other.close();
    expectError(taken, 2, 'CLI_USAGE');
    expect(taken.stderr).toContain(`the port ${port} is in use`);
  });

  test('where a run is recorded is no part of what it is', async () => {
    const other = temporaryFolder();
    const tracking = '+tracking={mlflow: {uri: "http://127.0.0.1:1", experiment: e}}';
    await shield(['run', SMOKE, ...QUICK, tracking], { runs: other, env: { MLFLOW_HTTP_REQUEST_MAX_RETRIES: '0' } });
    const hash = (folder: string) => readJson<{ hash: string }>(join(runsIn(folder)[0]!, 'run.json')).hash;
    expect(hash(other)).toBe(hash(runs));
    expect(readFileSync(join(runsIn(other)[0]!, 'resolved.yaml'), 'utf8')).toContain('experiment: e');
  });
});

/** A server on a free port that does with every request what `answer` says. */
async function listening(answer: RequestListener): Promise<{ uri: string; stop: () => Promise<void> }> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const stop = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { uri: `http://127.0.0.1:${address.port}`, stop };
}
