import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createRun, withRun, type CollectedProvenance } from '@shield/core';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readJson, runsIn, shield } from '../../test/shield.js';
import webhook from './webhook.js';

let folder: string;
let server: Server;
let url: string;
let heard: Record<string, unknown>[];
let status: number;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'shield-webhook-'));
  heard = [];
  status = 200;
  server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => (text += chunk.toString()));
    request.on('end', () => {
      heard.push(JSON.parse(text) as Record<string, unknown>);
      response.writeHead(status).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/runs`;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  rmSync(folder, { recursive: true });
});

async function observed(): Promise<{ id: string; warnings: string[] }> {
  const run = await createRun(folder, {
    name: 'watched',
    specText: '',
    resolvedText: '',
    hash: 'h',
    provenance: { record: { format: 1 }, files: {} } as unknown as CollectedProvenance,
    commandLine: [],
  });
  const warnings: string[] = [];
  await withRun(
    run,
    async ({ emit }) => {
      for (const step of [1, 2, 3]) await emit({ type: 'metric', key: 'loss', value: 1 / step, step });
      await emit({ type: 'log', level: 'info', message: 'not for the world' });
    },
    {
      trackers: [
        await webhook.open({ url, timeout: 5 }, { run, name: 'hook', warn: (line) => void warnings.push(line) }),
      ],
      captureConsole: false,
      handleSignals: false,
      warn: (line) => void warnings.push(line),
    },
  );
  return { id: run.id, warnings };
}

test('posts states and metrics of the run, in order', async () => {
  const { id, warnings } = await observed();
  expect(warnings).toEqual([]);
  expect(heard.map(({ run }) => run)).toEqual(Array(5).fill(id));
  expect(heard.map(({ state, metric, value, step }) => state ?? [metric, value, step])).toEqual([
    'RUNNING',
    ['loss', 1, 1],
    ['loss', 1 / 2, 2],
    ['loss', 1 / 3, 3],
    'COMPLETED',
  ]);
});

test('an address that refuses costs one warning and nothing else', async () => {
  status = 500;
  const { warnings } = await observed();
  expect(warnings).toEqual([expect.stringMatching(/webhook 127\.0\.0\.1:\d+ failed \(it answers 500\)/)]);
  expect(heard).toHaveLength(5);
});

test('named in a spec, it is told of the whole run; one that cannot be opened or answers nothing costs a warning', async () => {
  const spec = fileURLToPath(new URL('spec.yaml', import.meta.url));
  const { code, stderr } = await shield(['run', spec], { runs: folder, env: { WEBHOOK_URL: url } });
  expect(code, stderr).toBe(0);
  expect(stderr).not.toContain('webhook');
  const [first, last] = [heard[0]!, heard.at(-1)!];
  expect([first['state'], last['state']]).toEqual(['RUNNING', 'COMPLETED']);
  const [path] = runsIn(folder);
  const metrics = readJson<Record<string, number>>(join(path!, 'metrics.json'));
  expect(Object.fromEntries(heard.flatMap((m) => (m['metric'] ? [[m['metric'], m['value']]] : [])))).toEqual(metrics);

  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  const unheard = await shield(['run', spec], { runs: folder, env: { WEBHOOK_URL: url } });
  expect(unheard.code, unheard.stderr).toBe(0);
  expect(unheard.stderr.match(/webhook 127\.0\.0\.1:\d+ failed/g)).toHaveLength(1);
  const [a, b] = runsIn(folder).map((run) => readJson<{ hash: string }>(join(run, 'run.json')).hash);
  expect(a).toBe(b);
});
