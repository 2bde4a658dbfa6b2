import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { EventBus } from './event-bus.js';
import type { RecordedEvent, RunEvent, Tracker } from './events.js';
import { Journal } from './journal.js';

let folder: string;
let journal: Journal;
let warnings: string[];
let bus: EventBus;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'shield-bus-'));
  journal = await Journal.create(join(folder, 'journal.jsonl'));
  warnings = [];
  bus = new EventBus(journal, (message) => warnings.push(message));
});
afterEach(async () => {
  await journal.close();
  rmSync(folder, { recursive: true });
});

const metric = (value: number): RunEvent => ({ type: 'metric', key: 'k', value });

it('writes to the journal before any tracker hears of it, and keeps the order', async () => {
  const heard: RecordedEvent[] = [];
  bus.add({
    event: (event) => {
      expect(readFileSync(journal.path, 'utf8')).toContain(`{"seq":${event.seq},`);
      heard.push(event);
    },
  });
  const events = Array.from({ length: 60 }, (_, i) =>
    i % 3 === 0 ? metric(i) : ({ type: 'heartbeat', rss: i } as const),
  );
  await Promise.all(events.map((event) => bus.emit(event)));
  await bus.emit(metric(60));
  expect(heard.map(({ seq }) => seq)).toEqual(Array.from({ length: 61 }, (_, i) => i + 1));
  expect(warnings).toEqual([]);
});

it('warns once of a tracker that fails, and goes on', async () => {
  const heard: number[] = [];
  const broken: Tracker[] = [
    {
      name: 'mlflow',
      event: () => {
        throw new Error('connection refused');
      },
    },
    {
      name: 'slow one',
      event: async () => {
        await sleep(5);
        throw new Error('timed out');
      },
      close: () => Promise.reject(new Error('still')),
    },
  ];
  for (const tracker of broken) bus.add(tracker);
  bus.add({ event: (event) => void heard.push(event.seq) });
  for (let i = 0; i < 5; i++) await bus.emit(metric(i));
  await bus.close();
  expect(heard).toEqual([1, 2, 3, 4, 5]);
  expect(warnings).toHaveLength(2);
  expect(warnings[0]).toMatch(/^mlflow failed \(connection refused\)/);
  expect(warnings[1]).toMatch(/^slow one failed \(timed out\)/);
});

it('lets trackers finish what they were given', async () => {
  const sent: number[] = [];
  let closed = false;
  bus.add({
    event: async (event) => {
      await sleep(20);
      sent.push(event.seq);
    },
    close: async () => {
      await sleep(5);
      closed = true;
    },
  });
  await bus.emit(metric(1));
  await bus.emit(metric(2));
  await bus.close();
  expect([sent, closed]).toEqual([[1, 2], true]);
});

it('fails with the journal, and tells no tracker what is not in it', async () => {
  const heard: RecordedEvent[] = [];
  bus.add({ event: (event) => void heard.push(event) });
  await journal.close();
  await expect(bus.emit(metric(1))).rejects.toMatchObject({ code: 'WRITE_FAILED' });
  expect(heard).toEqual([]);
});
