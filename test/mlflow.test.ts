import { readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse } from 'yaml';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createRun, Journal, openRun, type CollectedProvenance, type Run, type RunEvent } from '@shield/core';
import { MlflowFeeder, type MlflowSettings } from '../packages/core/src/tracking/mlflow/index.js';
import { FaultyProxy, type Fault } from './faulty-proxy.js';
import { shield as tell } from './resident.js';
import { mlflowProgram, MlflowReader, MlflowServer, sha256, type Snapshot } from './mlflow-server.js';
import { expectError, readLines, runsIn, shield, SMALL, SMOKE, start, temporaryFolder, until } from './shield.js';

const program = mlflowProgram();
const QUICK = ['~attacks.cw_l2', '~defenses.jpeg', 'dataset.limit=8', 'batch=4', 'execution.strip=2'] as const;

describe.skipIf(!program)('a real MLflow server (skipped where there is none)', () => {
  let server: MlflowServer;
  let reader: MlflowReader;
  beforeAll(async () => {
    server = await MlflowServer.start(program!);
    reader = new MlflowReader(server.uri);
  });
  afterAll(() => server?.stop());

  /** For feeders in this process: impatient, so that faults cost no time. */
  const settings = (experiment: string, uri = server.uri): MlflowSettings => ({
    uri,
    experiment: { name: experiment },
    authorization: undefined,
    insecureTls: false,
    certificates: undefined,
    timeoutMs: 5_000,
    retries: 2,
    backoffMs: 1,
  });
  const feed = (run: Run, experiment: string, uri?: string) => new MlflowFeeder(run, settings(experiment, uri)).pass();

  describe('a run of shield run', () => {
    const runs = temporaryFolder();
    const experiment = 'live: 50 % of "it"';
    let path: string;
    let there: Snapshot;

    beforeAll(async () => {
      const args = ['run', SMOKE, ...QUICK, 'description=for the tests'];
      const env = { MLFLOW_TRACKING_URI: server.uri, MLFLOW_EXPERIMENT_NAME: experiment };
      const { code, stderr } = await shield(args, { runs, env });
      expect(code, stderr).toBe(0);
      // The live feed sends all of it, unless the machine is so busy that the run's end did not wait for it.
      expect((await tell(['sync'], { runs, env })).code).toBe(0);
      [path] = runsIn(runs) as [string];
      there = await reader.theRun(experiment);
    });

    test('ends there as it ended here', () => {
      const states = readLines<{ type: string; state?: string; time: string }>(join(path, 'journal.jsonl')).filter(
        ({ type }) => type === 'state',
      );
      expect(there.status).toBe('FINISHED');
      expect(there.endTime).toBe(Date.parse(states.at(-1)!.time));
      expect(path.endsWith(there.name)).toBe(true);
    });

    test('has every value of the resolved spec as a param', () => {
      const spec = parse(readFileSync(join(path, 'resolved.yaml'), 'utf8')) as Record<string, unknown>;
      const expected: Record<string, string> = {};
      const walk = (value: unknown, key: string) => {
        const members =
          typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : [];
        if (members.length === 0) expected[key] ??= typeof value === 'string' ? value : JSON.stringify(value);
        for (const [name, member] of members) walk(member, `${key}.${name}`);
      };
      for (const [key, value] of Object.entries(spec)) walk(value, key);
      expect(there.params).toEqual({
        ...expected,
        backend_opened: expect.stringMatching(/^wasm: /) as string,
        dataset_content: expect.stringMatching(/^\w{16,}$/) as string,
      });
      expect(Object.keys(there.tags).filter((key) => key.startsWith('shield.changed.'))).toEqual([]);
    });

    test('has every metric of the journal, with its value, time and step', () => {
      const expected: Record<string, string[]> = {};
      const entries = readLines<{ type: string; key: string; value: number; time: string; step?: number }>(
        join(path, 'journal.jsonl'),
      ).filter(({ type }) => type === 'metric');
      for (const { key, value, time, step } of entries)
        (expected[key] ??= []).push(`${value} ${Date.parse(time)} ${step ?? 0}`);
      expect(Object.keys(expected).length).toBeGreaterThan(20);
      expect(there.metrics).toMatchObject(expected);
      const others = Object.keys(there.metrics).filter((key) => !(key in expected));
      expect(others.filter((key) => !/^(system|progress|stage_seconds)\//.test(key))).toEqual([]);
      expect(there.metrics['progress/attack/fgsm']?.map((point) => point.replace(/ \d+ /, ' at '))).toEqual([
        '4 at 0',
        '8 at 1',
      ]);
    });

    test('has its tags, its note and its dataset', () => {
      expect(there.tags).toMatchObject({
        'mlflow.user': userInfo().username,
        'mlflow.source.type': 'LOCAL',
        'mlflow.note.content': 'for the tests',
        'mlflow.runName': there.name,
        'shield.run_id': there.name,
        'shield.state': 'COMPLETED',
        'mlflow.loggedImages': 'True',
        'mlflow.loggedArtifacts': '[{"path":"per-image.json","type":"table"}]',
      });
      const key = readdirSync(join(runs, 'artifacts')).find((name) => name.startsWith('attacked-'))!;
      const { dataset } = JSON.parse(readFileSync(join(runs, 'artifacts', key, 'key.json'), 'utf8')) as {
        dataset: { content: string };
      };
      expect(there.datasets).toMatchObject([{ name: 'drawn', digest: dataset.content.slice(0, 36) }]);
    });

    test('has every file of the run, byte for byte, the table and the strip', async () => {
      const files = readdirSync(path).filter((name) => !/^(\.|mlflow\.json$)/.test(name));
      expect(files).toContain('strip-fgsm.png');
      for (const name of files) expect(there.artifacts[name], name).toBe(sha256(readFileSync(join(path, name))));
      const images = Object.keys(there.artifacts).filter((name) => name.startsWith('images/'));
      expect(images.sort()).toEqual([
        expect.stringMatching(/^images\/strip-fgsm\+step\+0\+timestamp\+\d+\+[0-9a-f-]{36}\+compressed\.webp$/),
        expect.stringMatching(/^images\/strip-fgsm\+step\+0\+timestamp\+\d+\+[0-9a-f-]{36}\.png$/),
      ]);
      const table = JSON.parse((await reader.artifact(there.id, 'per-image.json')).toString()) as {
        columns: string[];
        data: unknown[][];
      };
      const rows = readLines<{ id: string; attacks: { fgsm: { l2: number } } }>(join(path, 'per-image.jsonl'));
      const column = (name: string) => table.data.map((row) => row[table.columns.indexOf(name)]);
      expect(column('id')).toEqual(rows.map(({ id }) => id));
      expect(column('attack/fgsm/l2')).toEqual(rows.map(({ attacks }) => attacks.fgsm.l2));
      expect(column('defended/fgsm/slq').every((share) => Number(share) >= 0 && Number(share) <= 1)).toBe(true);
    });

    test('sent again, also when the record of it is lost: nothing changes', async () => {
      const env = { MLFLOW_TRACKING_URI: server.uri, MLFLOW_EXPERIMENT_NAME: experiment };
      const idle = await tell(['sync'], { runs, env });
      expect([idle.stdout, idle.code], idle.stderr).toEqual(['nothing to send\n', 0]);
      rmSync(join(path, 'mlflow.json'));
      const { code, stdout } = await tell(['sync'], { runs, env });
      expect(code).toBe(0);
      expect(stdout).toMatch(/: 0 metric points, \d+ files → http/);
      expect(await reader.theRun(experiment)).toEqual(there);
      const { stdout: address } = await tell(['ui', 'latest'], { runs, env });
      expect(address).toContain(`/runs/${there.id}`);
    });
  });

  describe('sent in pieces', () => {
    const runs = temporaryFolder();

    test('any beginning sent, and sent twice, by a process that forgets: as if sent once', async () => {
      const run = await recordedRun(runs, 'pieces', eventsOf(60));
      await feed(run, 'pieces at once');
      const whole = comparable(await reader.theRun('pieces at once'));
      const journal = readFileSync(run.files.journal);
      const ends = [...journal.entries()].flatMap(([i, byte]) => (byte === 0x0a ? [i + 1] : []));
      rmSync(join(run.path, 'mlflow.json'));
      for (const [i, end] of ends.entries()) {
        if (i % 9 !== 0 && end !== journal.length) continue;
        writeFileSync(run.files.journal, journal.subarray(0, Math.min(journal.length, end + (i % 7))));
        await feed(run, 'pieces one by one');
        const record = join(run.path, 'mlflow.json');
        if (i % 2 === 0) rmSync(record);
        else {
          // As a process leaves it that was killed before it knew that all had arrived.
          const { servers } = JSON.parse(readFileSync(record, 'utf8')) as Servers;
          const state = servers[server.uri]!;
          servers[server.uri] = { ...state, cursor: { offset: 0, line: 0 }, sending: state.cursor };
          writeFileSync(record, JSON.stringify({ format: 1, servers }));
        }
        await feed(run, 'pieces one by one');
      }
      expect(comparable(await reader.theRun('pieces one by one'))).toEqual(whole);
    });

    test('through a line that fails at every turn: as if sent once', async () => {
      const run = await recordedRun(runs, 'faults', eventsOf(2500));
      await feed(run, 'no faults');
      const whole = comparable(await reader.theRun('no faults'));
      rmSync(join(run.path, 'mlflow.json'));
      const faults: readonly Fault[] = ['lose', 500, 'drop', 429, 503, 'lose', 'pass', 'pass', 'pass', 'pass', 'pass'];
      let seed = 7;
      const proxy = await FaultyProxy.start(server.uri, () => {
        seed = (seed * 1103515245 + 12345) % 2 ** 31;
        return faults[(seed >> 12) % faults.length]!;
      });
      try {
        let failures = 0;
        for (;;) {
          try {
            await feed(run, 'faults', proxy.uri);
            break;
          } catch (error) {
            expect(error).toMatchObject({ code: 'TRACKING_UNREACHABLE' });
            expect(failures++).toBeLessThan(100);
          }
        }
        expect(new Set(proxy.log.map(({ fault }) => fault)).size).toBe(6);
      } finally {
        await proxy.stop();
      }
      expect(comparable(await reader.theRun('faults'))).toEqual(whole);
    });

    test('an answer that was lost makes no second run; two that came to be become one', async () => {
      const run = await recordedRun(runs, 'twice', eventsOf(3));
      let lost = false;
      const proxy = await FaultyProxy.start(server.uri, (request) => {
        if (lost || !request.endsWith('runs/create')) return 'pass';
        lost = true;
        return 'lose';
      });
      await feed(run, 'twice', proxy.uri);
      await proxy.stop();
      expect(lost).toBe(true);
      expect(await reader.runs('twice')).toHaveLength(1);
    });

    test('a server that does not answer is given up in time', async () => {
      const run = await recordedRun(runs, 'hangs', eventsOf(3));
      const proxy = await FaultyProxy.start(server.uri, () => 'hang');
      const feeder = new MlflowFeeder(run, { ...settings('hangs', proxy.uri), timeoutMs: 50, retries: 1 });
      await expect(feeder.pass()).rejects.toMatchObject({ params: { reason: 'no answer within 0.05 s' } });
      expect(proxy.log).toHaveLength(2);
      await proxy.stop();
    });
  });

  test('kill -9 and resume, again and again: one run there, every point of the journal once', async () => {
    const runs = temporaryFolder();
    const env = { MLFLOW_TRACKING_URI: server.uri, MLFLOW_EXPERIMENT_NAME: 'kill -9' };
    const kills = process.env['SHIELD_TEST_FULL'] ? 50 : 2;
    for (let i = 0; i <= kills; i++) {
      const args = i === 0 ? ['run', SMOKE, ...SMALL, 'attacks.cw_l2.max_iterations=300'] : ['resume', 'latest'];
      const { child, outcome } = start(args, { runs, env });
      const journal = () => readFileSync(join(runsIn(runs)[0]!, 'journal.jsonl'), 'utf8');
      if (i < kills) {
        await until(() => runsIn(runs).length > 0 && journal().split('"RUNNING"').length === i + 2);
        await sleep(500 + 700 * ((i * 0.618) % 1));
        child.kill('SIGKILL');
      }
      const { code, stderr } = await outcome;
      if (i === kills) expect(code, stderr).toBe(0);
    }
    expect((await tell(['sync'], { runs, env })).code).toBe(0);
    const there = await reader.theRun('kill -9');
    expect([there.status, there.tags['shield.state']]).toEqual(['FINISHED', 'COMPLETED']);
    const entries = readLines<Record<string, unknown>>(join(runsIn(runs)[0]!, 'journal.jsonl'));
    const count = (type: string) => entries.filter((entry) => entry['type'] === type).length;
    const points = (group: RegExp) =>
      Object.entries(there.metrics).flatMap(([key, history]) => (group.test(key) ? history : []));
    expect(count('batch')).toBeGreaterThan(0);
    expect(points(/^progress\//)).toHaveLength(count('batch'));
    expect(points(/^system\/rss/)).toHaveLength(count('heartbeat'));
    expect(points(/^system\/peak/)).toHaveLength(count('heartbeat'));
    expect(points(/^(?!system|progress|stage_seconds)/)).toHaveLength(count('metric'));
  });

  describe('what MLflow has no word for', () => {
    const runs = temporaryFolder();
    const ended = async (name: string, ...events: RunEvent[]) => {
      const run = await recordedRun(runs, name, events);
      await feed(run, name);
      return { run, there: await reader.theRun(name) };
    };

    test.each([
      ['INTERRUPTED', 'KILLED'],
      ['TIMEOUT', 'FAILED'],
      ['FAILED', 'FAILED'],
    ] as const)('%s is %s, and a tag says it', async (state, status) => {
      const { there } = await ended(`ended ${state}`, running, {
        type: 'state',
        state,
        error: { code: 'DISK_FULL', message: 'no space left' },
      });
      expect(there.status).toBe(status);
      expect(there.tags).toMatchObject({
        'shield.state': state,
        'shield.error.code': 'DISK_FULL',
        'shield.error.message': 'no space left',
      });
    });

    test('a run that was killed is no zombie; resumed, it goes on as the same', async () => {
      const { run, there } = await ended('killed', running, { type: 'metric', key: 'm', value: 1 });
      expect([there.status, there.tags['shield.state']]).toEqual(['KILLED', 'DEAD']);
      const journal = await Journal.open(run.files.journal);
      for (const event of [running, { type: 'metric', key: 'm', value: 2, step: 1 }, completed] as const)
        await journal.append(event);
      await journal.close();
      await feed(run, 'killed');
      const resumed = await reader.theRun('killed');
      expect([resumed.id, resumed.status, resumed.tags['shield.state']]).toEqual([there.id, 'FINISHED', 'COMPLETED']);
      expect(resumed.metrics['m']).toHaveLength(2);
    });

    test('keys it refuses, values it cuts, numbers that JSON does not have', async () => {
      const long = 'x'.repeat(20_000);
      const odd = ['a=b', 'a_b', '/lead', 'a//b', './c', 'ä', 'k'.repeat(300), `${'k'.repeat(300)}2`];
      const { there } = await ended(
        'odd',
        running,
        { type: 'param', key: 'long', value: long },
        ...odd.map((key, i): RunEvent => ({ type: 'metric', key, value: i })),
        { type: 'metric', key: 'nan', value: NaN },
        { type: 'metric', key: 'up', value: Infinity },
        { type: 'metric', key: 'down', value: -Infinity },
        { type: 'metric', key: 'tiny', value: -1.5e-300 },
        { type: 'metric', key: 'after', value: 1, step: 2 ** 40 },
        completed,
      );
      expect(there.params['long']).toHaveLength(6000);
      expect(there.params['long']).toMatch(/^x+… \(whole in journal\.jsonl\)$/);
      const values = Object.values(there.metrics).map(([point]) => point!.split(' ')[0]);
      for (const i of odd.keys()) expect(values).toContain(String(i));
      expect(there.metrics['nan']![0]).toMatch(/^NaN /);
      // The SQL stores have no infinities: the largest doubles stand for them.
      expect(Number(there.metrics['up']![0]!.split(' ')[0])).toBeGreaterThan(1e308);
      expect(Number(there.metrics['down']![0]!.split(' ')[0])).toBeLessThan(-1e308);
      expect(there.metrics['tiny']![0]).toMatch(/^-1\.5e-300 /);
      expect(there.metrics['after']![0]).toMatch(/^1 \d+ 1099511627776$/);
    });

    test('a damaged journal: what is sound is sent, and the fault is named', async () => {
      const run = await recordedRun(runs, 'damaged', eventsOf(5));
      const text = readFileSync(run.files.journal, 'utf8');
      writeFileSync(run.files.journal, text.replace('"value":3', '"value":8'));
      await expect(feed(run, 'damaged')).rejects.toMatchObject({ code: 'JOURNAL_CORRUPT' });
      const { metrics, artifacts } = await reader.theRun('damaged');
      const groups = Object.keys(metrics).filter((key) => key.startsWith('group/'));
      expect(groups).toEqual(['group/m0', 'group/m1', 'group/m2']);
      expect(artifacts['journal.jsonl']).toBe(sha256(readFileSync(run.files.journal)));
      expect(artifacts['spec.yaml']).toBeDefined();
    });

    test('shield sync of all: one damaged journal does not hold up the others', async () => {
      const several = temporaryFolder();
      const env = { MLFLOW_TRACKING_URI: server.uri, MLFLOW_EXPERIMENT_NAME: 'several' };
      const damaged = await recordedRun(several, 'first', eventsOf(5));
      const sound = await recordedRun(several, 'second', eventsOf(5));
      const text = readFileSync(damaged.files.journal, 'utf8');
      writeFileSync(damaged.files.journal, text.replace('"value":3', '"value":8'));
      const { code, stdout, stderr } = await tell(['sync'], { runs: several, env });
      expect([code, stdout]).toEqual([1, expect.stringMatching(new RegExp(`^${sound.id}: 5 metric points`))]);
      expect(stderr).toContain(`${damaged.id}: `);
      expect(stderr).toContain('JOURNAL_CORRUPT');
      expect(await reader.runs('several')).toHaveLength(2);
    });
  });

  test('a server that is killed and comes back, or never was: the run ends well, and sync sends the rest', async () => {
    const runs = temporaryFolder();
    const env = { MLFLOW_TRACKING_URI: server.uri, MLFLOW_EXPERIMENT_NAME: 'server killed' };
    const { child, outcome } = start(['run', SMOKE, 'dataset.limit=8', 'attacks.cw_l2.search_steps=6'], { runs, env });
    const record = () => readdirSync(runs).find((name) => statSync(join(runs, name, 'mlflow.json'), SILENT));
    await until(() => record() !== undefined || child.exitCode !== null);
    await server.kill();
    const { code, stderr } = await outcome;
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(/not all of the run is on the MLflow server .*; shield sync \S+ sends the rest/);
    expectError(await tell(['sync'], { runs, env: { ...env, MLFLOW_HTTP_REQUEST_MAX_RETRIES: '0' } }), 1, 'TRACKING_');
    await server.start();
    expect((await tell(['sync'], { runs, env })).code).toBe(0);
    const there = await reader.theRun('server killed');
    expect(there.status).toBe('FINISHED');
    const points = readLines<{ type: string }>(join(runsIn(runs)[0]!, 'journal.jsonl')).filter(
      ({ type }) => type === 'metric',
    );
    const sent = Object.entries(there.metrics).filter(([key]) => !/^(system|progress|stage_seconds)\//.test(key));
    expect(sent.flatMap(([, history]) => history)).toHaveLength(points.length);
  });
});

const SILENT = { throwIfNoEntry: false } as const;
const running: RunEvent = { type: 'state', state: 'RUNNING' };
const completed: RunEvent = { type: 'state', state: 'COMPLETED' };

interface JournalPlace {
  readonly offset: number;
  readonly line: number;
}

interface Servers {
  readonly servers: Record<string, { cursor: JournalPlace; sending?: JournalPlace }>;
}

/** A run that tells of itself what a real one could. */
function eventsOf(metrics: number): RunEvent[] {
  const points = Array.from({ length: metrics }, (_, i): RunEvent => {
    return { type: 'metric', key: `group/m${i % 5}`, value: i, step: Math.floor(i / 5) };
  });
  return [running, { type: 'param', key: 'p', value: 'v' }, ...points, completed];
}

async function recordedRun(folder: string, name: string, events: readonly RunEvent[]): Promise<Run> {
  const record = { format: 1, machine: { user: 'me', host: 'here' }, git: { available: false }, software: {} };
  const { path } = await createRun(folder, {
    name,
    specText: '',
    resolvedText: `name: "${name}"\nseed: 1\ndataset: { use: drawn }\nperform: [evaluate]\n`,
    hash: 'h',
    provenance: { record, files: {} } as unknown as CollectedProvenance,
    commandLine: ['shield'],
  });
  const run = await openRun(path);
  const journal = await Journal.open(run.files.journal);
  for (const event of events) journal.appendSync(event);
  await journal.close();
  return run;
}

/** Without what two runs on a server never share. */
function comparable({ id: _id, ...snapshot }: Snapshot): Omit<Snapshot, 'id'> {
  return snapshot;
}
