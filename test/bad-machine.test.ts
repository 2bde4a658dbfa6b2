import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { canMountDisks, mountSmallDisk } from '../packages/core/src/testing/processes.js';
import { describe, expect, test } from 'vitest';
import { shield as tell } from './resident.js';
import {
  attackedBatches,
  expectError,
  noRegistry,
  photosSpec,
  readLines,
  runsIn,
  shield,
  SMALL,
  SMOKE,
  temporaryFolder,
  withoutTimes,
} from './shield.js';
import type { JsonResult } from './shield.js';

const folder = temporaryFolder();
const runs = temporaryFolder();

/** A spec whose images come through pip: the first thing that it needs. */
const photos = photosSpec(folder);

describe('places that cannot be written', () => {
  const file = join(folder, 'file');
  writeFileSync(file, '');

  test('the cache', async () => {
    const outcome = await shield(['run', photos], { runs, env: noRegistry(join(file, 'cache')) });
    expectError(outcome, 1, 'CACHE_NOT_WRITABLE');
    expect(outcome.stderr).toContain('SHIELD_CACHE');
  });

  test('the folder for runs', async () => {
    const outcome = await shield(['run', SMOKE], { runs: join(file, 'runs') });
    expectError(outcome, 1, 'WRITE_FAILED');
    expect(outcome.stderr).toContain('SHIELD_RUNS');
  });

  test.skipIf(!existsSync('/proc/self'))('the folder for runs, below /proc', async () => {
    expectError(await shield(['run', SMOKE], { runs: '/proc/none/runs' }), 1, 'WRITE_FAILED');
  });
});

describe.skipIf(!canMountDisks())('a disk that is full', () => {
  test('in the middle of a run: what was finished stands, and is gone on with when there is room', async () => {
    const disk = mountSmallDisk(2_000_000);
    try {
      const filler = join(disk.path, 'filler');
      const args = ['run', SMOKE, ...SMALL, '--json', 'execution.strip=0'];
      // Room for the run's own files and one batch of attacked images (50 kB), not for a second.
      writeFileSync(filler, Buffer.alloc(1_000_000));
      const space = 120_000 + Number(await sizeOfNewRun());
      writeFileSync(filler, Buffer.alloc(Math.max(0, 2_000_000 - space)));
      const outcome = await shield(args, { runs: disk.path });
      expectError(outcome, 1, 'DISK_FULL');
      expect(outcome.stderr).toContain('shield resume');
      const finished = attackedBatches(disk.path);
      writeFileSync(filler, '');
      const resumed = await shield(['resume', 'latest', '--json'], { runs: disk.path });
      expect(resumed.code, resumed.stderr).toBe(0);
      expect(attackedBatches(disk.path)).toEqual(expect.arrayContaining(finished));
      const { metrics } = JSON.parse(resumed.stdout) as JsonResult;
      expect(withoutTimes(metrics)).toEqual(withoutTimes(await undisturbed()));
    } finally {
      disk.unmount();
    }
  });

  test('from the beginning: no trace of a run', async () => {
    const disk = mountSmallDisk(8192);
    try {
      writeFileSync(join(disk.path, 'filler'), Buffer.alloc(4096));
      expectError(await shield(['run', SMOKE], { runs: disk.path }), 1, 'DISK_FULL');
      expect(runsIn(disk.path).filter((path) => !path.endsWith('filler'))).toEqual([]);
    } finally {
      disk.unmount();
    }
  });
});

test.skipIf(!canMountDisks())('a folder of runs that became read-only: it can be read, and nothing else', async () => {
  const disk = mountSmallDisk(20_000_000);
  try {
    const stopped = await tell(['run', SMOKE, ...SMALL, 'execution.time_limit=0.05'], { runs: disk.path });
    expect(stopped.stderr).toContain('shield resume');
    expect((await tell(['run', SMOKE, ...SMALL, 'seed=1'], { runs: disk.path })).code).toBe(0);
    disk.setReadOnly(true);
    const before = readdirSync(disk.path, { recursive: true }).sort();
    const listed = await tell(['runs', '--json'], { runs: disk.path });
    const found = JSON.parse(listed.stdout) as { id: string; state: string }[];
    // Both may be of the same second.
    const [first, second] = ['TIMEOUT', 'COMPLETED'].map((state) => found.find((run) => run.state === state)?.id);
    for (const args of [
      ['show', first!],
      ['diff', first!, second!],
    ]) {
      const { code, stderr } = await tell(args, { runs: disk.path });
      expect(code, stderr).toBe(0);
    }
    expectError(await tell(['resume', first!], { runs: disk.path }), 1, 'WRITE_FAILED');
    expectError(await tell(['run', SMOKE, ...SMALL], { runs: disk.path }), 1, 'WRITE_FAILED');
    expect(readdirSync(disk.path, { recursive: true }).sort()).toEqual(before);
    disk.setReadOnly(false);
    const { code, stderr } = await tell(['reproduce', second!, '--check'], { runs: disk.path });
    expect(code, stderr).toBe(0);
  } finally {
    disk.unmount();
  }
});

test('a clock that goes backwards by an hour: same numbers, no time below zero', async () => {
  const jump = join(folder, 'jump.mjs');
  // What the system's clock says to this process; timers and performance.now() go by the steady clock, as they do then.
  writeFileSync(
    jump,
    `const now = Date.now; let calls = 0;
     const jumped = () => now() - (++calls > 40 ? 3_600_000 : 0);
     globalThis.Date = class extends Date { constructor(...a) { if (a.length) super(...a); else super(jumped()); } static now() { return jumped(); } };`,
  );
  const runs = temporaryRuns();
  const outcome = await shield(['run', SMOKE, ...SMALL, '--json'], { runs, env: { NODE_OPTIONS: `--import ${jump}` } });
  expect(outcome.code, outcome.stderr).toBe(0);
  const [run] = runsIn(runs);
  const times = readLines<{ time: string }>(join(run!, 'journal.jsonl')).map(({ time }) => Date.parse(time));
  expect(Math.min(...times.slice(1).map((time, i) => time - times[i]!))).toBeLessThan(-3_000_000);
  const { metrics } = JSON.parse(outcome.stdout) as JsonResult;
  expect(withoutTimes(metrics)).toEqual(withoutTimes(await undisturbed()));
  for (const [key, value] of Object.entries(metrics))
    if (key.endsWith('seconds')) expect(value).toBeGreaterThanOrEqual(0);
  const shown = await tell(['show', 'latest'], { runs });
  expect(shown.code, shown.stderr).toBe(0);
  expect(shown.stdout).not.toMatch(/(^|\s)-\d/m);
  expect((await tell(['runs'], { runs })).stdout).toContain('COMPLETED');
});

let numbers: Promise<JsonResult['metrics']> | undefined;
/** The metrics of a run that met no trouble. */
function undisturbed(): Promise<JsonResult['metrics']> {
  return (numbers ??= tell(['run', SMOKE, ...SMALL, '--json', 'execution.strip=0'], { runs }).then(
    ({ stdout }) => (JSON.parse(stdout) as JsonResult).metrics,
  ));
}

/** Bytes that a run takes before its first batch, in whole pages as tmpfs counts. */
async function sizeOfNewRun(): Promise<number> {
  const alone = temporaryRuns();
  const outcome = await shield(['run', SMOKE, 'dataset.skip=999999'], { runs: alone });
  expectError(outcome, 1, 'DATASET_EMPTY');
  const [run] = runsIn(alone);
  return readdirSync(run!)
    .map((name) => Math.ceil(readFileSync(join(run!, name)).length / 4096) * 4096)
    .reduce((sum, bytes) => sum + bytes, 16_384);
}

function temporaryRuns(): string {
  const path = join(folder, `runs-${readdirSync(folder).length}`);
  mkdirSync(path);
  return path;
}
