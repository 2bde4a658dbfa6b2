import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { expectError, noRegistry, photosSpec, shield, temporaryFolder } from './shield.js';

const folder = temporaryFolder();
const runs = temporaryFolder();
const pip = spawnSync('python3', ['-m', 'pip', '--version']).status === 0;
const photos = photosSpec(folder);

/** What a run with the photos in hand ends with, since the small network knows 10 classes: no network to wait for. */
const TAKEN = 'LABEL_OUT_OF_RANGE';

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
    const outcome = await shield(['run', photos], { runs, env: noRegistry(cache) });
    expectError(outcome, 1, 'DOWNLOAD_FAILED');
    expect(outcome.stderr).toContain('foolbox==3.3.4');
    expect(filesBelow(cache)).toEqual([]);
  });

  test('another file under the same name: its checksum gives it away; nothing is kept', async () => {
    const wheels = join(folder, 'wheels');
    mkdirSync(wheels);
    execFileSync('python3', ['-c', WHEEL, join(wheels, 'foolbox-3.3.4-py3-none-any.whl')]);
    const cache = join(folder, 'cache-replaced');
    const outcome = await shield(['run', photos], { runs, env: noRegistry(cache, wheels) });
    expectError(outcome, 1, 'CHECKSUM_MISMATCH');
    expect(filesBelow(cache)).toEqual([]);
  });

  test('a manifest of the cache that is not one counts for nothing', async () => {
    const cache = join(folder, 'cache-manifest');
    const asset = join(cache, 'assets', 'foolbox-3.3.4');
    mkdirSync(asset, { recursive: true });
    writeFileSync(join(asset, 'manifest.json'), '{ "members": { "foolbox/data/imagenet_00_243.jpg": "00" }');
    const outcome = await shield(['run', photos], { runs, env: noRegistry(cache) });
    expectError(outcome, 1, 'DOWNLOAD_FAILED');
  });

  test('no Python: names the variable that names one', async () => {
    const env = { ...noRegistry(join(folder, 'cache-no-python')), SHIELD_PYTHON: '/nowhere/python3' };
    const outcome = await shield(['run', photos], { runs, env });
    expectError(outcome, 1, 'DOWNLOAD_FAILED');
    expect(outcome.stderr).toContain('SHIELD_PYTHON');
  });
});

/** The real wheel, where pip reaches a registry; else the tests that need its bytes are skipped. */
const realWheel = (() => {
  const at = join(folder, 'real');
  const args = ['-m', 'pip', 'download', '--no-deps', '--quiet', '--retries', '1', '-d', at, 'foolbox==3.3.4'];
  const fetched = pip && spawnSync('python3', args, { timeout: 60_000 }).status === 0;
  return fetched ? join(at, readdirSync(at)[0]!) : undefined;
})();
if (!realWheel) console.log('skipped: downloads of the real sample photos (pip reaches no registry)');

describe.skipIf(!realWheel)('downloads of the real wheel', () => {
  test('cut off half-way: an error, and nothing is kept; whole the next time: it runs', async () => {
    const wheel = readFileSync(realWheel!);
    let cut = true;
    const server = createServer((request, response) => {
      if (!request.url!.endsWith('.whl')) {
        response.setHeader('content-type', 'text/html');
        response.end('<a href="/foolbox-3.3.4-py3-none-any.whl">foolbox-3.3.4-py3-none-any.whl</a>');
        return;
      }
      response.writeHead(200, { 'content-length': wheel.length });
      if (!cut) return void response.end(wheel);
      response.write(wheel.subarray(0, wheel.length / 2), () => response.destroy());
    }).listen(0, '127.0.0.1');
    try {
      await new Promise((done) => server.once('listening', done));
      const index = `http://127.0.0.1:${(server.address() as AddressInfo).port}/simple`;
      const cache = join(folder, 'cache-cut');
      const env = { SHIELD_CACHE: cache, PIP_CONFIG_FILE: '/dev/null', PIP_INDEX_URL: index, PIP_RETRIES: '0' };
      const outcome = await shield(['run', photos], { runs, env });
      expectError(outcome, 1, 'DOWNLOAD_FAILED');
      expect(outcome.stderr).toContain('foolbox==3.3.4');
      expect(filesBelow(cache)).toEqual([]);
      cut = false;
      expectError(await shield(['run', photos], { runs, env }), 1, TAKEN);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });

  test('a photo of the cache tampered with is not used, but fetched anew', async () => {
    const cache = join(folder, 'cache-tampered');
    const wheels = join(folder, 'real');
    const args = ['run', photos];
    expectError(await shield(args, { runs, env: noRegistry(cache, wheels) }), 1, TAKEN);
    const photo = join(cache, 'assets', 'foolbox-3.3.4', 'foolbox', 'data', 'imagenet_00_243.jpg');
    const bytes = readFileSync(photo);
    const tampered = Buffer.from(bytes);
    tampered[bytes.length >> 1]! ^= 1;
    writeFileSync(photo, tampered);
    // Without a connection that fails, which is better than another photo.
    expectError(await shield(args, { runs, env: noRegistry(cache) }), 1, 'DOWNLOAD_FAILED');
    expectError(await shield(args, { runs, env: noRegistry(cache, wheels) }), 1, TAKEN);
    expect(readFileSync(photo).equals(bytes)).toBe(true);
  });
});
