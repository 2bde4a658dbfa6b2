import { appendFileSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canMountDisks, mountSmallDisk, type SmallDisk, startScript } from '../testing/processes.js';
import type { JournalEntry, RunEvent } from './events.js';
import { Journal } from './journal.js';
import { encodeLine } from './journal-line.js';
import { readJournal, scanJournal, type JournalCursor } from './journal-reader.js';

let folder: string;
let count = 0;
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'shield-journal-'))));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const fresh = () => {
  const path = mkdtempSync(join(folder, `${count++}-`));
  return join(path, 'journal.jsonl');
};

const EVENTS: readonly RunEvent[] = [
  { type: 'state', state: 'RUNNING' },
  { type: 'param', key: 'attack.eps', value: '8 – tab\t, newline\n, quote", crc "crc":"00000000"} and 🐼' },
  { type: 'metric', key: 'clean/top1', value: 0.85, step: 3 },
  { type: 'heartbeat', rss: 123_456_789 },
  { type: 'state', state: 'FAILED', error: { code: 'DISK_FULL', message: 'no space', fix: 'free some' } },
];

async function written(events: readonly RunEvent[] = EVENTS): Promise<string> {
  const path = fresh();
  const journal = await Journal.create(path);
  for (const event of events) await journal.append(event);
  await journal.close();
  return path;
}

async function read(path: string): Promise<{ entries: JournalEntry[]; error?: unknown }> {
  const entries: JournalEntry[] = [];
  try {
    for await (const entry of readJournal(path)) entries.push(entry);
    return { entries };
  } catch (error) {
    return { entries, error };
  }
}

/** Without the numbers and dates. */
const eventsOf = (entries: readonly JournalEntry[]) =>
  entries.map((entry) => Object.fromEntries(Object.entries(entry).filter(([key]) => key !== 'seq' && key !== 'time')));

describe('journal', () => {
  it('gives back what was written, numbered and dated', async () => {
    const { entries, error } = await read(await written());
    expect(error).toBeUndefined();
    expect(eventsOf(entries)).toEqual([{ type: 'journal', version: 1 }, ...EVENTS]);
    expect(entries.map(({ seq }) => seq)).toEqual(entries.map((_, i) => i));
    for (const { time } of entries) expect(new Date(time).toISOString()).toBe(time);
  });

  it('is JSON Lines that any reader takes, one event a line', async () => {
    const lines = readFileSync(await written(), 'utf8')
      .trimEnd()
      .split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { type: string }).type)).toEqual([
      'journal',
      ...EVENTS.map((e) => e.type),
    ]);
  });

  it('keeps numbers that JSON does not have', async () => {
    const values = [Number.NaN, Infinity, -Infinity, 1e-320, 2 ** 53];
    const { entries } = await read(await written(values.map((value) => ({ type: 'metric', key: 'k', value }))));
    expect(entries.slice(1).map((entry) => entry.type === 'metric' && entry.value)).toEqual(values);
  });

  it('cuts a text that would bloat it', async () => {
    const { entries } = await read(await written([{ type: 'log', level: 'info', message: 'x'.repeat(3_000_000) }]));
    const [, entry] = entries;
    expect(entry?.type === 'log' && entry.message.length).toBe(32_768 + '… (cut)'.length);
  });

  it('stays in order, without gaps, when many append at once', async () => {
    const path = fresh();
    const journal = await Journal.create(path);
    const events = Array.from({ length: 500 }, (_, step): RunEvent => ({
      type: 'metric',
      key: 'k',
      value: step,
      step,
    }));
    await Promise.all(events.map((event) => journal.append(event)));
    await journal.close();
    const { entries, error } = await read(path);
    expect(error).toBeUndefined();
    expect(eventsOf(entries).slice(1)).toEqual(events);
  });

  it('never touches one that is there, and takes nothing after it is closed', async () => {
    const path = await written();
    const before = readFileSync(path);
    await expect(Journal.create(path)).rejects.toMatchObject({ code: 'WRITE_FAILED' });
    expect(readFileSync(path).equals(before)).toBe(true);
    const journal = await Journal.open(path);
    await journal.close();
    await expect(journal.append({ type: 'heartbeat', rss: 1 })).rejects.toMatchObject({ code: 'WRITE_FAILED' });
  });

  it('goes on where it stopped', async () => {
    const path = await written();
    const journal = await Journal.open(path);
    await journal.append({ type: 'state', state: 'RUNNING' });
    await journal.close();
    const { entries } = await read(path);
    expect(entries.map(({ seq }) => seq)).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(eventsOf(entries).at(-1)).toEqual({ type: 'state', state: 'RUNNING' });
  });

  it('can be read on from any entry', async () => {
    const path = await written();
    const all: { entry: JournalEntry; next: JournalCursor }[] = [];
    for await (const scanned of scanJournal(path)) all.push(scanned);
    for (const [i, { next }] of all.entries()) {
      const rest: JournalEntry[] = [];
      for await (const { entry } of scanJournal(path, next)) rest.push(entry);
      expect(rest).toEqual(all.slice(i + 1).map(({ entry }) => entry));
    }
  });
});

describe('a torn last line', () => {
  it('is left out by the reader and repaired on reopening, at every byte', async () => {
    const path = await written();
    const whole = readFileSync(path);
    const lastLine = whole.lastIndexOf(0x0a, whole.length - 2) + 1;
    const sound = (await read(path)).entries.slice(0, -1);
    for (let end = lastLine; end < whole.length; end++) {
      writeFileSync(path, whole.subarray(0, end));
      expect(await read(path)).toEqual({ entries: sound });
      const journal = await Journal.open(path);
      await journal.append({ type: 'state', state: 'RUNNING' });
      await journal.close();
      const { entries, error } = await read(path);
      expect(error).toBeUndefined();
      const repair = { type: 'repair', bytes: end - lastLine, text: whole.toString('utf8', lastLine, end) };
      const added = [...(end > lastLine ? [repair] : []), { type: 'state', state: 'RUNNING' }];
      expect(entries.slice(0, sound.length)).toEqual(sound);
      expect(eventsOf(entries.slice(sound.length))).toEqual(added);
    }
  });

  it('may be garbage of several lines, as a power failure leaves it', async () => {
    const path = await written();
    const { entries: sound } = await read(path);
    appendFileSync(path, Buffer.concat([Buffer.alloc(700), Buffer.from('\n\n{"seq":6}\n'), Buffer.alloc(100_000, 7)]));
    expect(await read(path)).toEqual({ entries: sound });
    const journal = await Journal.open(path);
    await journal.close();
    expect(eventsOf((await read(path)).entries).at(-1)).toMatchObject({ type: 'repair', bytes: 700 + 12 + 100_000 });
  });
});

describe('damage', () => {
  it('of any one bit is noticed, and no altered entry is ever given', async () => {
    const path = await written();
    const whole = readFileSync(path);
    const { entries: original } = await read(path);
    const ends = [...whole.keys()].filter((i) => whole[i] === 0x0a);
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), fc.nat(7), async (at, bit) => {
        const damaged = Buffer.from(whole);
        damaged[at]! ^= 1 << bit;
        writeFileSync(path, damaged);
        const line = ends.findIndex((end) => at <= end);
        const { entries, error } = await read(path);
        expect(entries).toEqual(original.slice(0, line));
        // A lost newline joins its line to the next one, so nothing sound may be left behind it.
        const lastTouched = at === ends[line] ? line + 1 : line;
        if (lastTouched >= ends.length - 1) expect(error).toBeUndefined();
        else expect(error).toMatchObject({ code: 'JOURNAL_CORRUPT', where: { file: path, line: line + 1 } });
      }),
      { numRuns: 400 },
    );
    writeFileSync(path, whole);
  });

  it('of a missing or doubled line is noticed', async () => {
    const path = await written();
    const lines = readFileSync(path, 'utf8').split(/(?<=\n)/);
    writeFileSync(path, lines.toSpliced(2, 1).join(''));
    expect((await read(path)).error).toMatchObject({ code: 'JOURNAL_CORRUPT', params: { line: 3 } });
    writeFileSync(path, lines.toSpliced(2, 0, lines[2]!).join(''));
    expect((await read(path)).error).toMatchObject({ code: 'JOURNAL_CORRUPT', params: { line: 4 } });
  });

  it('in the middle is set aside when the run goes on, never thrown away', async () => {
    for (const line of [0, 2]) {
      const path = await written();
      const lines = readFileSync(path, 'utf8').split(/(?<=\n)/);
      const damaged = lines.toSpliced(line, 1, lines[line]!.replace('"time":"2', '"time":"1')).join('');
      writeFileSync(path, damaged);
      const journal = await Journal.open(path);
      await journal.append({ type: 'state', state: 'RUNNING' });
      await journal.close();
      const { entries, error } = await read(path);
      expect(error).toBeUndefined();
      expect(eventsOf(entries).slice(line)).toMatchObject([
        ...(line === 0 ? [{ type: 'journal' }] : []),
        { type: 'repair' },
        { type: 'state', state: 'RUNNING' },
      ]);
      expect(readFileSync(join(path, '..', 'journal-damaged-1.jsonl'), 'utf8')).toBe(damaged);
    }
  });

  it('is told from one of another format, or of none, which stays as it is', async () => {
    const time = new Date().toISOString();
    for (const [entry, found] of [
      [{ seq: 0, time, type: 'journal', version: 2 }, 'format 2'],
      [{ seq: 0, time, type: 'journal', version: 0 }, 'format 0'],
      [{ seq: 0, time, type: 'journal' } as unknown as JournalEntry, 'no format that can be told'],
      [{ seq: 0, time, type: 'state', state: 'QUEUED' }, 'no format that can be told'],
    ] satisfies [JournalEntry, string][]) {
      const path = fresh();
      const bytes = encodeLine(entry);
      writeFileSync(path, bytes);
      expect((await read(path)).error).toMatchObject({ code: 'RUN_FORMAT', params: { path, found, reads: 1 } });
      await expect(Journal.open(path)).rejects.toMatchObject({ code: 'RUN_FORMAT' });
      expect(readFileSync(path).equals(bytes)).toBe(true);
    }
  });

  it('is told from a file that is not there', async () => {
    await expect(Journal.open(`${fresh()}.none`)).rejects.toMatchObject({ code: 'JOURNAL_CORRUPT' });
  });
});

it('holds all that was acknowledged when its process is killed', async () => {
  const path = fresh();
  const script = startScript(
    'tracking/index.js',
    `const journal = await core.Journal.create(${JSON.stringify(path)});
     for (let i = 0; ; i++) {
       const entry = await journal.append({ type: i % 3 ? 'heartbeat' : 'metric', key: 'k', value: i, rss: i });
       process.stdout.write(entry.seq + '\\n');
     }`,
  );
  await script.printed('\n50\n');
  script.process.kill('SIGKILL');
  const { stdout, signal } = await script.finished;
  expect(signal).toBe('SIGKILL');
  const acknowledged = stdout.slice(0, stdout.lastIndexOf('\n')).split('\n').map(Number);
  const { entries, error } = await read(path);
  expect(error).toBeUndefined();
  expect(entries.length).toBeGreaterThan(acknowledged.at(-1)!);
  const journal = await Journal.open(path);
  await journal.append({ type: 'state', state: 'RUNNING' });
  await journal.close();
  expect((await read(path)).entries.at(-1)).toMatchObject({ state: 'RUNNING' });
});

describe.skipIf(!canMountDisks())('a full disk (skipped where none can be mounted)', () => {
  let disk: SmallDisk;
  beforeAll(() => void (disk = mountSmallDisk(128 * 1024)));
  afterAll(() => disk.unmount());

  it('refuses an event whole, still takes the last state, and goes on when there is room again', async () => {
    const path = join(disk.path, 'journal.jsonl');
    const journal = await Journal.create(path);
    const filler = join(disk.path, 'filler');
    expect(() => writeFileSync(filler, Buffer.alloc(1024 * 1024))).toThrow(/ENOSPC/);
    let taken = 0;
    let failure: unknown;
    // Long lines, then short ones, so that hardly a byte is left.
    for (const length of [900, 1]) {
      failure = undefined;
      while (failure === undefined) {
        await journal.append({ type: 'log', level: 'info', message: 'x'.repeat(length) }).then(
          () => taken++,
          (error: unknown) => (failure = error),
        );
      }
    }
    expect(failure).toMatchObject({ code: 'DISK_FULL' });
    await expect(journal.append({ type: 'metric', key: 'k'.repeat(900), value: 1 })).rejects.toMatchObject({
      code: 'DISK_FULL',
    });
    await journal.append({ type: 'state', state: 'FAILED', error: { code: 'DISK_FULL', message: 'no space left' } });
    expect(await read(path)).toMatchObject({ entries: { length: taken + 2 } });
    expect((await read(path)).entries.at(-1)).toMatchObject({ type: 'state', state: 'FAILED' });
    rmSync(filler);
    await journal.append({ type: 'metric', key: 'k', value: 1 });
    await journal.close();
    const { entries, error } = await read(path);
    expect(error).toBeUndefined();
    expect(entries.at(-1)).toMatchObject({ type: 'metric', seq: taken + 2 });
    expect(readdirSync(disk.path)).toEqual(['journal.jsonl']);
  });
});
