import { mkdtempSync, readFileSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { startScript } from '../testing/processes.js';
import { RunLock, lockHolder } from './run-lock.js';

let run: string;
beforeEach(() => void (run = mkdtempSync(join(tmpdir(), 'shield-lock-'))));
afterEach(() => rmSync(run, { recursive: true, force: true }));

const lockFile = () => join(run, 'lock.json');
const hold = () =>
  `await core.RunLock.acquire(${JSON.stringify(run)}); console.log('held'); setInterval(() => {}, 1000);`;

it('is held by one at a time and leaves nothing behind', async () => {
  const lock = await RunLock.acquire(run);
  expect(await lockHolder(run)).toMatchObject({ pid: process.pid, host: hostname() });
  await expect(RunLock.acquire(run)).rejects.toMatchObject({
    code: 'RUN_LOCKED',
    params: { pid: process.pid, host: hostname() },
  });
  expect(lock.refresh()).toBe(true);
  lock.release();
  expect(await lockHolder(run)).toBeUndefined();
  expect(readdirSync(run)).toEqual([]);
});

it('goes to exactly one of many processes that want it', async () => {
  const code = `
    try { await core.RunLock.acquire(${JSON.stringify(run)}); console.log('held'); }
    catch (error) { console.log(error.code); }
    setTimeout(() => {}, 2000);`;
  const scripts = Array.from({ length: 6 }, () => startScript('tracking/index.js', code));
  const words = (await Promise.all(scripts.map(({ finished }) => finished))).map(({ stdout }) => stdout.trim());
  expect(words.toSorted()).toEqual([...Array<string>(5).fill('RUN_LOCKED'), 'held']);
});

it('is free at once when its holder was killed', async () => {
  const script = startScript('tracking/index.js', hold());
  await script.printed('held');
  await expect(RunLock.acquire(run)).rejects.toMatchObject({ code: 'RUN_LOCKED', params: { pid: script.process.pid } });
  script.process.kill('SIGKILL');
  await script.finished;
  expect(await lockHolder(run)).toBeUndefined();
  (await RunLock.acquire(run)).release();
});

it('is not taken for held by a later process of the same number', async () => {
  const lock = await RunLock.acquire(run);
  const record = JSON.parse(readFileSync(lockFile(), 'utf8')) as { began: string };
  if (record.began !== '') {
    writeFileSync(lockFile(), JSON.stringify({ ...record, began: `${record.began}0` }));
    expect(await lockHolder(run)).toBeUndefined();
  }
  lock.release();
});

it('of another host counts while it is refreshed, and its former holder notices', async () => {
  const lock = await RunLock.acquire(run);
  const record = { pid: 1, host: 'elsewhere', place: 'elsewhere', began: '5', since: new Date().toISOString() };
  writeFileSync(lockFile(), JSON.stringify(record));
  expect(lock.refresh()).toBe(false);
  lock.release();
  await expect(RunLock.acquire(run)).rejects.toMatchObject({
    code: 'RUN_LOCKED',
    params: { pid: 1, host: 'elsewhere' },
  });
  const longAgo = Date.now() / 1000 - 600;
  utimesSync(lockFile(), longAgo, longAgo);
  (await RunLock.acquire(run)).release();
});

it('says where it may not write', async () => {
  await expect(RunLock.acquire(join(run, 'nowhere'))).rejects.toMatchObject({ code: 'WRITE_FAILED' });
});

it('passes over a holder that lives and stands still, where that does no harm', async () => {
  const lock = await RunLock.acquire(run);
  const past = new Date(Date.now() - 60_000);
  utimesSync(lockFile(), past, past);
  await expect(RunLock.acquire(run)).rejects.toMatchObject({ code: 'RUN_LOCKED' });
  await expect(RunLock.acquire(run, { silentAfterMs: 90_000 })).rejects.toMatchObject({ code: 'RUN_LOCKED' });
  const other = await RunLock.acquire(run, { silentAfterMs: 30_000 });
  expect(lock.refresh()).toBe(false);
  lock.release();
  expect(other.refresh()).toBe(true);
});
