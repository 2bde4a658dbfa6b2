import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cacheDir, createRun, Journal, openRun, type CollectedProvenance, type Run, type RunEvent } from '@shield/core';
import { MlflowFeeder, type PassReport } from '../packages/core/src/tracking/mlflow/index.js';
import { MlflowServer } from './mlflow-server.js';
import { RecordingProxy, ReplayServer, type Asked, type Exchange } from './recording-proxy.js';
import { readJson, root, temporaryFolder } from './shield.js';

/*
 * Servers of an older API. With npm run test:full real ones (their MLflow is installed in the cache once, 1 GB each); else
 * what a real one answered, asked the same again: SHIELD_RECORD=1 with the full tests writes that anew.
 */
const full = Boolean(process.env['SHIELD_TEST_FULL']);

const LONG = 'x'.repeat(7000);
const EVENTS: readonly RunEvent[] = [
  { type: 'state', state: 'RUNNING' },
  { type: 'param', key: 'long', value: LONG },
  { type: 'param', key: 'short', value: 'v' },
  ...Array.from({ length: 25 }, (_, i): RunEvent => ({ type: 'metric', key: `m${i % 5}`, value: i, step: i })),
  { type: 'metric', key: 'nan', value: NaN },
  { type: 'state', state: 'COMPLETED' },
];
const FILES = ['journal.jsonl', 'provenance.json', 'resolved.yaml', 'run.json', 'spec.yaml'];

async function recordedRun(folder: string): Promise<Run> {
  const record = { format: 1, machine: { user: 'me', host: 'here' }, git: { available: false }, software: {} };
  const { path } = await createRun(folder, {
    name: 'old',
    specText: 'name: old\n',
    resolvedText: 'name: old\nseed: 1\ndataset: { use: drawn }\nperform: [evaluate]\n',
    hash: 'h',
    provenance: { record, files: {} } as unknown as CollectedProvenance,
    commandLine: ['shield'],
  });
  const run = await openRun(path);
  const journal = await Journal.open(run.files.journal);
  for (const event of EVENTS) journal.appendSync(event);
  await journal.close();
  return run;
}

function feed(run: Run, uri: string): Promise<PassReport> {
  const common = { authorization: undefined, insecureTls: false, certificates: undefined };
  const settings = { ...common, uri, experiment: { name: 'old' }, timeoutMs: 60_000, retries: 0, backoffMs: 1 };
  return new MlflowFeeder(run, settings).pass();
}

interface Pairs {
  readonly metrics?: readonly { key: string; value: number | string; step: number }[];
  readonly params?: readonly { key: string; value: string }[];
  readonly tags?: readonly { key: string; value: string }[];
}

/** What the server took, of all that it was asked. */
function taken(asked: readonly Asked[], exchanges: readonly Exchange[]): Pairs & { files: string[] } {
  const good = asked.filter((_, i) => exchanges[i]!.status === 200);
  const batches = good.filter(({ path }) => path.endsWith('/log-batch')).map(({ body }) => JSON.parse(body) as Pairs);
  return {
    metrics: batches.flatMap(({ metrics = [] }) => metrics),
    params: batches.flatMap(({ params = [] }) => params),
    tags: batches.flatMap(({ tags = [] }) => tags),
    files: good.filter(({ method }) => method === 'PUT').map(({ path }) => path.split('/').at(-1)!),
  };
}

/** Everything arrived that such a server can take, in the form in which it takes it. */
function expectAllBut(sent: ReturnType<typeof taken>, files: readonly string[]): void {
  const values = (sent.metrics ?? []).filter(({ key }) => /^(m\d|nan)$/.test(key)).map(({ value }) => value);
  expect(values).toEqual([...Array.from({ length: 25 }, (_, i) => i), 'NaN']);
  const param = (name: string) => sent.params!.find(({ key }) => key === name)?.value;
  expect(param('short')).toBe('v');
  expect(param('dataset.use')).toBe('drawn');
  expect(param('long')).toMatch(/^x+… \(whole in journal\.jsonl\)$/);
  expect(sent.files.sort()).toEqual([...files]);
}

const RECORDED = join(root, 'test', 'recorded');
const VERSIONS = [
  // The last of its major version: no dataset inputs, params of 500 characters, the artifact proxy only when asked for.
  { version: '1.30.1', inputs: false, longest: 500 },
  { version: '2.9.2', inputs: true, longest: 6000 },
];

for (const { version, inputs, longest } of VERSIONS) {
  const program = full ? installed(version) : undefined;

  describe.skipIf(full && !program)(`MLflow ${version}${full ? '' : ', as recorded'}`, () => {
    for (const proxy of inputs ? [true] : [true, false]) {
      const path = join(RECORDED, `mlflow-${version}${proxy ? '' : '-no-proxy'}.json`);

      describe(proxy ? 'with its artifact proxy' : 'without one', () => {
        const folder = temporaryFolder();
        let server: MlflowServer | undefined;
        let wire: RecordingProxy | ReplayServer;
        let exchanges: readonly Exchange[];
        let outcome: PassReport | Error;
        beforeAll(async () => {
          if (program) {
            server = await MlflowServer.start(program, { proxy });
            const recording = await RecordingProxy.start(server.uri);
            exchanges = recording.exchanges;
            wire = recording;
          } else {
            exchanges = readJson<Exchange[]>(path);
            wire = await ReplayServer.start(exchanges);
          }
          outcome = await feed(await recordedRun(folder), wire.uri).catch((error: unknown) => error as Error);
          if (!process.env['SHIELD_RECORD']) return;
          mkdirSync(RECORDED, { recursive: true });
          // Where the server kept its files is nobody's business.
          const text = JSON.stringify(exchanges, undefined, 1).replaceAll(
            /[^"\\]*\/shield-mlflow-\w+\//g,
            '/srv/mlflow/',
          );
          writeFileSync(path, `${text}\n`);
        }, 600_000);
        afterAll(async () => {
          await wire?.stop();
          await server?.stop();
        });

        test(proxy ? 'takes the whole run' : 'takes all but the files, which is told', () => {
          if (proxy) expect(outcome).toMatchObject({ metrics: 26, files: FILES.length });
          else {
            expect(outcome).toMatchObject({ code: 'TRACKING_UNSUPPORTED' });
            expect((outcome as Error).message).toContain('keeps artifacts at');
          }
          if (wire instanceof ReplayServer) expect(wire.unasked).toBe(0);
          const sent = taken(wire.asked, exchanges);
          expectAllBut(sent, proxy ? FILES : []);
          expect(sent.params!.every(({ value }) => value.length <= longest)).toBe(true);
          const dataset = sent.tags!.find(({ key }) => key === 'shield.dataset')?.value;
          if (inputs) expect(dataset).toBeUndefined();
          else expect(dataset).toMatch(/^drawn \w+$/);
          const ended = wire.asked.filter(({ path: to }) => to.endsWith('/runs/update')).at(-1);
          expect(JSON.parse(ended!.body)).toMatchObject({ status: 'FINISHED' });
        });
      });
    }
  });
}

/** Of an old version the program, installed in the cache; undefined, with a word, where that cannot be. */
function installed(version: string): string | undefined {
  const venv = join(cacheDir(), `mlflow-${version}`);
  const done = join(venv, 'installed');
  if (!existsSync(done)) {
    console.warn(`installing MLflow ${version} in ${venv}`);
    const run = (command: string, args: string[]) => spawnSync(command, args, { encoding: 'utf8' });
    const made = run('python3', ['-m', 'venv', '--clear', venv]);
    // What it takes from these, later ones have no more.
    const companions = ['setuptools<81', 'sqlalchemy<2.1'];
    const pip = ['install', '--quiet', '--disable-pip-version-check', `mlflow==${version}`, ...companions];
    const { status, stderr } = made.status === 0 ? run(join(venv, 'bin', 'pip'), pip) : made;
    if (status !== 0) {
      console.warn(`tests with MLflow ${version} are skipped: ${stderr?.trim().split('\n').at(-1)}`);
      return undefined;
    }
    writeFileSync(done, `${version}\n`);
  }
  return join(venv, 'bin', 'mlflow');
}
