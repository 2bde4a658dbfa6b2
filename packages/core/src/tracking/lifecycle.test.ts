import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ShieldError } from '../errors/index.js';
import { canMountDisks, mountSmallDisk, type Script, type SmallDisk, startScript } from '../testing/processes.js';
import type { JournalEntry } from './events.js';
import { Journal } from './journal.js';
import { readJournal } from './journal-reader.js';
import { RunInterrupted, RunTimedOut } from './endings.js';
import { withRun } from './lifecycle.js';
import type { RunContext } from './run-context.js';
import type { CollectedProvenance } from './provenance.js';
import { createRun } from './run-directory.js';
import { runStatus, type Run } from './runs-folder.js';

let folder: string;
let run: Run;
const newRun = (runs: string) =>
  createRun(runs, {
    name: 'test',
    specText: 'name: test\n',
    resolvedText: 'name: test\n',
    hash: 'h',
    provenance: { record: { format: 1 }, files: {} } as unknown as CollectedProvenance,
    commandLine: [],
  });
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'shield-life-'));
  run = await newRun(folder);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Works on the run in a process of its own, and ends it as the command line does. */
function work(body: string, options = '{}', at = run): Script {
  return startScript(
    'tracking/index.js',
    `const { ShieldError } = await import(new URL('../errors/index.js', ${JSON.stringify(distIndex())}));
     const run = await core.openRun(${JSON.stringify(at.path)});
     try {
       const result = await core.withRun(run, async (context) => { ${body} }, ${options});
       console.log('result ' + result);
     } catch (error) {
       console.error(error.code + ' ' + error.message);
       process.exitCode = error.exitCode ?? 70;
     }`,
  );
}
const distIndex = () => new URL('../../dist/tracking/index.js', import.meta.url).href;

const IN_STAGES = `
  console.log('working');
  for (;;) {
    await context.emit({ type: 'metric', key: 'k', value: 1 });
    await context.checkpoint();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }`;

async function journal(at = run): Promise<JournalEntry[]> {
  const entries: JournalEntry[] = [];
  for await (const entry of readJournal(at.files.journal)) entries.push(entry);
  return entries;
}
const states = async (at = run) =>
  (await journal(at)).flatMap((entry) => (entry.type === 'state' ? [entry.state] : []));
const quietly = { captureConsole: false, handleSignals: false, warn: () => undefined } as const;

describe('a run', () => {
  it('that ends well is COMPLETED, and its console log is what was printed, without colours', async () => {
    const { code, stdout } = await work(`
      console.log('\\u001b[32mgreen\\u001b[0m');
      process.stderr.write('1 %\\r');
      process.stderr.write('99 %\\n');
      context.note('for the log only');
      process.stdout.write(Buffer.from('no newline'));
      return 5;`).finished;
    expect([code, stdout]).toEqual([0, '\u001b[32mgreen\u001b[0m\nno newlineresult 5\n']);
    expect(await states()).toEqual(['QUEUED', 'RUNNING', 'COMPLETED']);
    expect(readFileSync(run.files.console, 'utf8')).toBe('green\n99 %\nfor the log only\nno newline\n');
    expect(await runStatus(run.path)).toMatchObject({ state: 'COMPLETED', holder: undefined, error: undefined });
  });

  it('that meets a foreseen error is FAILED with its code and cure', async () => {
    const error = `new ShieldError('DATASET_EMPTY', { name: 'photos', reason: 'no files' })`;
    const { code, stderr } = await work(`throw ${error};`).finished;
    expect([code, stderr]).toEqual([1, 'DATASET_EMPTY the dataset photos gives no images (no files)\n']);
    expect(await states()).toEqual(['QUEUED', 'RUNNING', 'FAILED']);
    const { error: recorded } = await runStatus(run.path);
    expect(recorded).toMatchObject({ code: 'DATASET_EMPTY', fix: 'check path, skip and limit' });
    expect(recorded?.stack).toBeUndefined();
  });

  it.each([
    ['thrown', `throw new TypeError('of all things');`],
    [
      'thrown in a timer',
      `setTimeout(() => { throw new TypeError('of all things'); }, 10); await new Promise(() => {});`,
    ],
    ['in a promise nobody awaits', `Promise.reject(new TypeError('of all things')); await new Promise(() => {});`],
  ])(
    'that meets a fault of the program %s is FAILED, the stack in its log and never on the terminal',
    async (_, body) => {
      const { code, stdout, stderr } = await work(body).finished;
      expect([code, stdout + stderr]).toEqual([1, 'INTERNAL of all things\n']);
      expect(await states()).toEqual(['QUEUED', 'RUNNING', 'FAILED']);
      const stack = expect.stringMatching(/TypeError: of all things\n +at /) as string;
      expect((await runStatus(run.path)).error).toMatchObject({ code: 'INTERNAL', stack });
      expect(readFileSync(run.files.console, 'utf8')).toEqual(stack);
    },
  );

  it('whose process leaves in the middle is FAILED', async () => {
    const { code } = await work(`process.exit(3);`).finished;
    expect(code).toBe(3);
    expect(await runStatus(run.path)).toMatchObject({
      state: 'FAILED',
      error: { code: 'INTERNAL' },
      holder: undefined,
    });
  });

  it('that waits for nothing at all is FAILED too', async () => {
    const { code, stderr } = await work(`await new Promise(() => {});`).finished;
    expect(code).not.toBe(0);
    expect(stderr).toContain('INTERNAL: the process ended before the run did\n');
    expect(await states()).toEqual(['QUEUED', 'RUNNING', 'FAILED']);
  });

  it('says that it lives', async () => {
    await work(`await new Promise((resolve) => setTimeout(resolve, 300));`, '{ heartbeatMs: 20 }').finished;
    const beats = (await journal()).flatMap((entry) => (entry.type === 'heartbeat' ? [entry.rss] : []));
    expect(beats.length).toBeGreaterThan(3);
    for (const rss of beats) expect(rss).toBeGreaterThan(1e7);
  });
});

describe('signals', () => {
  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('%s stops a run at its next checkpoint: INTERRUPTED, exit code %i', async (signal, exitCode) => {
    const script = work(`try { ${IN_STAGES} } finally { console.log('tidied up'); }`);
    await script.printed('working');
    script.process.kill(signal);
    const { code, stdout, stderr } = await script.finished;
    expect([code, stdout]).toEqual([exitCode, 'working\ntidied up\n']);
    expect(stderr).toContain(`shield resume ${run.id}`);
    expect(await states()).toEqual(['QUEUED', 'RUNNING', 'INTERRUPTED']);
    expect(await runStatus(run.path)).toMatchObject({ error: { code: signal }, holder: undefined });
  });

  it('a second one ends a run that does not stop, the state still written', async () => {
    const script = work(`console.log('working'); await new Promise(() => setInterval(() => {}, 1000));`);
    await script.printed('working');
    script.process.kill('SIGINT');
    await sleep(400);
    expect(await states()).toEqual(['QUEUED', 'RUNNING']);
    script.process.kill('SIGINT');
    expect((await script.finished).code).toBe(130);
    expect(await runStatus(run.path)).toMatchObject({
      state: 'INTERRUPTED',
      error: { code: 'SIGINT' },
      holder: undefined,
    });
  });

  it('one keypress that comes twice, as through npx, is one', async () => {
    const script = work(
      `try { ${IN_STAGES} } finally { await new Promise((r) => setTimeout(r, 100)); console.log('tidied up'); }`,
    );
    await script.printed('working');
    script.process.kill('SIGINT');
    await sleep(30);
    script.process.kill('SIGINT');
    expect(await script.finished).toMatchObject({ code: 130, stdout: 'working\ntidied up\n' });
  });

  it('a run that was finished when the signal was seen is COMPLETED', async () => {
    const script = work(`console.log('working'); await new Promise((r) => setTimeout(r, 300)); return 1;`);
    await script.printed('working');
    script.process.kill('SIGTERM');
    expect(await script.finished).toMatchObject({ code: 0, stdout: 'working\nresult 1\n' });
    expect(await states()).toEqual(['QUEUED', 'RUNNING', 'COMPLETED']);
  });

  it('kill -9 leaves a readable journal, and the run can be gone on with at once', async () => {
    const script = work(IN_STAGES);
    await script.printed('working');
    await sleep(50);
    script.process.kill('SIGKILL');
    await script.finished;
    expect(await states()).toEqual(['QUEUED', 'RUNNING']);
    expect(await runStatus(run.path)).toMatchObject({ state: 'DEAD', holder: undefined });
    expect(await withRun(run, async () => 'resumed', quietly)).toBe('resumed');
    expect(await states()).toEqual(['QUEUED', 'RUNNING', 'RUNNING', 'COMPLETED']);
  });
});

it('is not taken for dead when it ends while somebody asks', async () => {
  const journal = await Journal.open(run.files.journal);
  await journal.append({ type: 'state', state: 'RUNNING' });
  // A lock that is read only when it is opened here: between the question for the state and that for the holder.
  const lock = join(run.path, 'lock.json');
  expect(spawnSync('mkfifo', [lock]).status).toBe(0);
  const status = runStatus(run.path);
  const pipe = await open(lock, 'w');
  await journal.append({ type: 'state', state: 'COMPLETED' });
  await journal.close();
  await pipe.close();
  expect((await status).state).toBe('COMPLETED');
});

it('is worked on by one process at a time', async () => {
  const script = work(IN_STAGES);
  await script.printed('working');
  const before = readFileSync(run.files.console, 'utf8');
  await expect(withRun(run, async () => 1, quietly)).rejects.toMatchObject({
    code: 'RUN_LOCKED',
    params: { pid: script.process.pid },
  });
  expect(await runStatus(run.path)).toMatchObject({ state: 'RUNNING', holder: { pid: script.process.pid } });
  expect(readFileSync(run.files.console, 'utf8')).toBe(before);
  script.process.kill('SIGTERM');
  expect((await script.finished).code).toBe(143);
});

describe('within a program', () => {
  it('an abort signal interrupts, also through errors that wrap it', async () => {
    const stop = new AbortController();
    const failed = withRun(
      run,
      async ({ signal }) => {
        stop.abort();
        await sleep(1000, undefined, { signal }).catch((error: unknown) => {
          throw new ShieldError('ATTACK_FAILED', { name: 'fgsm', reason: 'it was stopped' }, { cause: error });
        });
      },
      { ...quietly, signal: stop.signal },
    );
    await expect(failed).rejects.toBeInstanceOf(RunInterrupted);
    expect(await states()).toEqual(['QUEUED', 'RUNNING', 'INTERRUPTED']);
  });

  it('a time limit stops it as TIMEOUT', async () => {
    const endless = async ({ checkpoint }: RunContext): Promise<never> => {
      for (;;) {
        await sleep(5);
        await checkpoint();
      }
    };
    await expect(withRun(run, endless, { ...quietly, timeLimitMs: 60 })).rejects.toBeInstanceOf(RunTimedOut);
    expect(await states()).toEqual(['QUEUED', 'RUNNING', 'TIMEOUT']);
    expect((await runStatus(run.path)).error).toMatchObject({ code: 'TIMEOUT' });
    expect(await withRun(run, async () => 'done', { ...quietly, timeLimitMs: 60_000 })).toBe('done');
  });

  it('a tracker hears all from RUNNING to the end, and one that fails hurts nothing', async () => {
    const heard: string[] = [];
    const warnings: string[] = [];
    const trackers = [
      { name: 'bad', event: () => Promise.reject(new Error('refused')) },
      { event: (event: JournalEntry) => void heard.push(event.type === 'state' ? event.state : event.type) },
    ];
    const options = { ...quietly, trackers, warn: (message: string) => void warnings.push(message) };
    await withRun(run, (context) => context.emit({ type: 'metric', key: 'k', value: 1 }), options);
    expect(heard.filter((type) => !/^(log|heartbeat)$/.test(type))).toEqual(['RUNNING', 'metric', 'COMPLETED']);
    expect(warnings).toEqual([expect.stringContaining('bad failed (refused)')]);
    expect((await journal()).filter(({ type }) => type === 'log')).toMatchObject([
      { level: 'warn', message: warnings[0] },
    ]);
  });

  it('stdout, stderr and the listeners of the process are given back', async () => {
    const names = ['SIGINT', 'SIGTERM', 'uncaughtException', 'exit'];
    const write = (stream: NodeJS.WriteStream) => Reflect.get(stream, 'write') as unknown;
    const before = [write(process.stdout), write(process.stderr), ...names.map((name) => process.listenerCount(name))];
    await withRun(run, async () => process.stdout.write(''), { warn: () => undefined });
    await expect(withRun(run, async () => Promise.reject(new Error('x')))).rejects.toMatchObject({ code: 'INTERNAL' });
    expect([write(process.stdout), write(process.stderr), ...names.map((name) => process.listenerCount(name))]).toEqual(
      before,
    );
    expect(existsSync(join(run.path, 'lock.json'))).toBe(false);
  });
});

describe.skipIf(!canMountDisks())('a full disk (skipped where none can be mounted)', () => {
  let disk: SmallDisk;
  beforeAll(() => void (disk = mountSmallDisk(256 * 1024)));
  afterAll(() => disk.unmount());

  it('FAILs the run with DISK_FULL, and the run can be gone on with when there is room', async () => {
    const small = await newRun(disk.path);
    const { code, stderr } = await work(
      `const { writeFileSync } = await import('node:fs');
       try { writeFileSync(${JSON.stringify(join(disk.path, 'filler'))}, Buffer.alloc(1 << 20)); } catch {}
       for (let i = 0; ; i++) await context.emit({ type: 'metric', key: 'k', value: i });`,
      '{}',
      small,
    ).finished;
    expect(code).toBe(1);
    expect(stderr).toMatch(/^DISK_FULL no space left/);
    expect(await runStatus(small.path)).toMatchObject({
      state: 'FAILED',
      error: { code: 'DISK_FULL' },
      holder: undefined,
    });
    rmSync(join(disk.path, 'filler'));
    expect(await withRun(small, async () => 'done', quietly)).toBe('done');
    expect(await states(small)).toEqual(['QUEUED', 'RUNNING', 'FAILED', 'RUNNING', 'COMPLETED']);
  });
});
