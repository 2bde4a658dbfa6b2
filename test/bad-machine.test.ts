import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { canMountDisks, mountSmallDisk } from '../packages/core/src/testing/processes.js';
import { describe, expect, test } from 'vitest';
import { attackedBatches, expectError, runsIn, shield, SMALL, SMOKE, temporaryFolder, withoutTimes } from './shield.js';
import type { JsonResult } from './shield.js';

const folder = temporaryFolder();
const runs = temporaryFolder();
const pip = spawnSync('python3', ['-m', 'pip', '--version']).status === 0;

/** A spec whose images come through pip: the first thing that it needs. */
const photos = join(folder, 'photos.yaml');
writeFileSync(
  photos,
  'name: photos\nbackend: wasm\ndataset: { use: sample_photos }\nmodel: { use: small_cnn }\nattack: { use: fgsm }\n',
);

/** pip that meets no registry: only the wheels of a folder. */
const offline = (cache: string, wheels = join(folder, 'no-wheels')) => ({
  SHIELD_CACHE: cache,
  PIP_NO_INDEX: '1',
  PIP_FIND_LINKS: wheels,
  PIP_CONFIG_FILE: '/dev/null',
});

/** Every file below a folder, locks aside. */
const filesBelow = (path: string) =>
  readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => name);

const WHEEL = `
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], 'w') as z:
    z.writestr('foolbox/data/imagenet_00_243.jpg', 'another photo')
    z.writestr('foolbox-3.3.4.dist-info/METADATA', 'Metadata-Version: 2.1\\nName: foolbox\\nVersion: 3.3.4\\n')
    z.writestr('foolbox-3.3.4.dist-info/WHEEL', 'Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')
    z.writestr('foolbox-3.3.4.dist-info/RECORD', '')
`;

describe.skipIf(!pip)('downloads', () => {
  test('no connection: says what was wanted and how to see more; nothing is kept', async () => {
    const cache = join(folder, 'cache-offline');
    const outcome = await shield(['run', photos], { runs, env: offline(cache) });
    expectError(outcome, 1, 'DOWNLOAD_FAILED');
    expect(outcome.stderr).toContain('foolbox==3.3.4');
    expect(filesBelow(cache)).toEqual([]);
  });

  test('another file under the same name: its checksum gives it away; nothing is kept', async () => {
    const wheels = join(folder, 'wheels');
    mkdirSync(wheels);
    execFileSync('python3', ['-c', WHEEL, join(wheels, 'foolbox-3.3.4-py3-none-any.whl')]);
    const cache = join(folder, 'cache-replaced');
    const outcome = await shield(['run', photos], { runs, env: offline(cache, wheels) });
    expectError(outcome, 1, 'CHECKSUM_MISMATCH');
    expect(filesBelow(cache)).toEqual([]);
  });

  test('a file of the cache tampered with is not used, but fetched anew', async () => {
    const cache = join(folder, 'cache-tampered');
    const asset = join(cache, 'assets', 'foolbox-3.3.4');
    mkdirSync(asset, { recursive: true });
    writeFileSync(join(asset, 'manifest.json'), '{ "members": { "foolbox/data/imagenet_00_243.jpg": "00" }');
    const outcome = await shield(['run', photos], { runs, env: offline(cache) });
    // Without a connection that fails, which is better than another photo.
    expectError(outcome, 1, 'DOWNLOAD_FAILED');
  });

  test('no Python: names the variable that names one', async () => {
    const env = { ...offline(join(folder, 'cache-no-python')), SHIELD_PYTHON: '/nowhere/python3' };
    const outcome = await shield(['run', photos], { runs, env });
    expectError(outcome, 1, 'DOWNLOAD_FAILED');
    expect(outcome.stderr).toContain('SHIELD_PYTHON');
  });
});

describe('places that cannot be written', () => {
  const file = join(folder, 'file');
  writeFileSync(file, '');

  test('the cache', async () => {
    const outcome = await shield(['run', photos], { runs, env: offline(join(file, 'cache')) });
    expectError(outcome, 1, 'CACHE_NOT_WRITABLE');
    expect(outcome.stderr).toContain('SHIELD_CACHE');
  });

  test('the folder for runs', async () => {
    const outcome = await shield(['run', SMOKE], { runs: join(file, 'runs') });
    expectError(outcome, 1, 'WRITE_FAILED');
    expect(outcome.stderr).toContain('SHIELD_RUNS');
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
