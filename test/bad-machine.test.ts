import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { canMountDisks, mountSmallDisk } from '../packages/core/src/testing/processes.js';
import { describe, expect, test } from 'vitest';
import {
  attackedBatches,
  expectError,
  noRegistry,
  photosSpec,
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
      const undisturbed = await shield(args, { runs });
      expect(withoutTimes((JSON.parse(resumed.stdout) as JsonResult).metrics)).toEqual(
        withoutTimes((JSON.parse(undisturbed.stdout) as JsonResult).metrics),
      );
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
