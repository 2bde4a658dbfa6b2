import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { PypiSource } from '../plugin/contracts.js';
import { projectRoot } from '../testing/shared-data.js';
import { AssetCache } from './asset-cache.js';

/** Real pip against a folder of wheels made here: no network, no registry. */
const pip = spawnSync('python3', ['-m', 'pip', '--version']).status === 0;

const sha256 = (data: string | Buffer) => createHash('sha256').update(data).digest('hex');
const PHOTO = 'photo bytes '.repeat(1000);

const MAKE_WHEEL = `
import sys, zipfile, json
path, dist, files = sys.argv[1], sys.argv[2], json.load(sys.stdin)
info = dist + '-1.0.0.dist-info/'
with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as z:
    for name, text in files.items(): z.writestr(name, text)
    z.writestr(info + 'METADATA', 'Metadata-Version: 2.1\\nName: ' + dist + '\\nVersion: 1.0.0\\n')
    z.writestr(info + 'WHEEL', 'Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')
    z.writestr(info + 'RECORD', '')
`;

describe.skipIf(!pip)('AssetCache', () => {
  let index: string;
  let cache: string;
  let log: string[];
  let assets: AssetCache;

  const wheel = (name: string) => join(index, `${name}-1.0.0-py3-none-any.whl`);
  const makeWheel = (name: string, files: Record<string, string>) =>
    execFileSync('python3', ['-c', MAKE_WHEEL, wheel(name), name], { input: JSON.stringify(files) });
  const source = (member: string, more: Partial<PypiSource> = {}): PypiSource => ({
    kind: 'pypi',
    distribution: 'shieldphotos',
    version: '1.0.0',
    member,
    ...more,
  });
  /** Files (not folders) of the cache. */
  const stored = async () => {
    const entries = await readdir(cache, { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile())
      .map((entry) => relative(cache, join(entry.parentPath, entry.name)));
  };

  beforeAll(async () => {
    index = await mkdtemp(join(tmpdir(), 'shield-index-'));
    vi.stubEnv('PIP_NO_INDEX', '1');
    vi.stubEnv('PIP_FIND_LINKS', index);
    vi.stubEnv('PIP_CONFIG_FILE', '/dev/null');
    makeWheel('shieldphotos', {
      'shieldphotos/data/a_1.jpg': PHOTO,
      'shieldphotos/data/b_2.jpg': 'second',
      'shieldphotos/data/readme.txt': 'not a photo',
    });
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    await rm(index, { recursive: true });
  });
  beforeEach(async () => {
    cache = await mkdtemp(join(tmpdir(), 'shield-cache-'));
    vi.stubEnv('SHIELD_CACHE', cache);
    log = [];
    assets = new AssetCache({ log: (message) => log.push(message) });
    return () => rm(cache, { recursive: true, force: true });
  });

  it('fetches a member through pip once and keeps it', async () => {
    const wheelSha256 = sha256(await readFile(wheel('shieldphotos')));
    const asked = source('shieldphotos/data/a_1.jpg', { sha256: sha256(PHOTO), wheelSha256, bytes: 12e6 });
    const path = await assets.file(asked);
    expect(await readFile(path, 'utf8')).toBe(PHOTO);
    expect(log).toEqual(['downloading shieldphotos==1.0.0 (12 MB) with pip']);
    expect(await assets.file(asked)).toBe(path);
    expect(log).toHaveLength(1);
    // Nothing but the member and the manifest stays: no wheel, no temporary folder, no lock.
    expect((await stored()).sort()).toEqual([
      'assets/shieldphotos-1.0.0/manifest.json',
      'assets/shieldphotos-1.0.0/shieldphotos/data/a_1.jpg',
    ]);
  });

  it('gives all members that match a pattern, in order of name, and knows them the second time', async () => {
    const paths = await assets.files(source(''), /data\/\w+_\d+\.jpg$/g);
    expect(paths.map((path) => path.slice(-7))).toEqual(['a_1.jpg', 'b_2.jpg']);
    expect(await assets.files(source(''), /data\/\w+_\d+\.jpg$/g)).toEqual(paths);
    expect(log).toHaveLength(1);
    // Another pattern of the same wheel is not mistaken for the first.
    expect(await assets.files(source(''), /\.txt$/)).toHaveLength(1);
    expect(log).toHaveLength(2);
  });

  it('fetches a file anew that was changed, truncated or removed', async () => {
    const path = await assets.file(source('shieldphotos/data/a_1.jpg'));
    const spoils = [() => writeFile(path, 'something else'), () => truncate(path, 100), () => rm(path)];
    for (const [i, spoil] of spoils.entries()) {
      await spoil();
      expect(await assets.file(source('shieldphotos/data/a_1.jpg'))).toBe(path);
      expect(await readFile(path, 'utf8')).toBe(PHOTO);
      expect(log).toHaveLength(2 + i);
    }
  });

  it('fetches anew where the manifest is damaged', async () => {
    const path = await assets.file(source('shieldphotos/data/a_1.jpg'));
    await writeFile(join(cache, 'assets/shieldphotos-1.0.0/manifest.json'), '{"members": {"shieldph');
    expect(await assets.file(source('shieldphotos/data/a_1.jpg'))).toBe(path);
    expect(log).toHaveLength(2);
  });

  it.each(['sha256', 'wheelSha256'])('refuses a wrong %s and keeps nothing', async (key) => {
    const asked = source('shieldphotos/data/a_1.jpg', { [key]: '0'.repeat(64) });
    await expect(assets.file(asked)).rejects.toMatchObject({ code: 'CHECKSUM_MISMATCH' });
    expect(await stored()).toEqual([]);
  });

  it('refuses a wheel that was cut off', async () => {
    makeWheel('shieldcut', { 'shieldcut/noise.bin': Array.from({ length: 20000 }, (_, i) => i * i).join() });
    const whole = sha256(await readFile(wheel('shieldcut')));
    await truncate(wheel('shieldcut'), 20_000);
    const cut = { ...source('shieldcut/noise.bin'), distribution: 'shieldcut' };
    await expect(assets.file(cut)).rejects.toMatchObject({ code: 'DOWNLOAD_FAILED' });
    await expect(assets.file({ ...cut, wheelSha256: whole })).rejects.toMatchObject({
      code: expect.stringMatching(/^(DOWNLOAD_FAILED|CHECKSUM_MISMATCH)$/) as string,
    });
    expect(await stored()).toEqual([]);
  });

  it('says what is wrong without a distribution, a member, or a Python', async () => {
    const missing = { ...source('x'), distribution: 'shieldnosuch' };
    await expect(assets.file(missing)).rejects.toMatchObject({
      code: 'DOWNLOAD_FAILED',
      message: expect.stringMatching(
        /shieldnosuch==1\.0\.0 could not be downloaded: .*No matching distribution/,
      ) as string,
    });
    await expect(assets.file(source('shieldphotos/nothing.jpg'))).rejects.toMatchObject({ code: 'DOWNLOAD_FAILED' });
    vi.stubEnv('SHIELD_PYTHON', join(cache, 'no-python'));
    await expect(assets.file(source('shieldphotos/data/b_2.jpg'))).rejects.toMatchObject({
      code: 'DOWNLOAD_FAILED',
      fix: expect.stringContaining('SHIELD_PYTHON') as string,
    });
    vi.stubEnv('SHIELD_PYTHON', undefined);
  });

  it('says where a cache cannot be written', async () => {
    await writeFile(join(cache, 'file'), '');
    vi.stubEnv('SHIELD_CACHE', join(cache, 'file'));
    await expect(assets.file(source('shieldphotos/data/a_1.jpg'))).rejects.toMatchObject({
      code: 'CACHE_NOT_WRITABLE',
      fix: expect.stringContaining('SHIELD_CACHE') as string,
    });
  });

  it('says that the disk is full', async (context) => {
    const small = join(cache, 'small');
    await mkdir(small);
    if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=16k', 'tmpfs', small]).status !== 0)
      context.skip('no right to mount a small file system');
    vi.stubEnv('SHIELD_CACHE', small);
    try {
      makeWheel('shieldbig', { 'shieldbig/zeros.bin': '0'.repeat(200_000) });
      const big = { ...source('shieldbig/zeros.bin'), distribution: 'shieldbig' };
      await expect(assets.file(big)).rejects.toMatchObject({
        code: 'CACHE_NOT_WRITABLE',
        message: expect.stringContaining('no space') as string,
      });
    } finally {
      spawnSync('umount', [small]);
    }
  });

  it('downloads once for two processes started together, and both get the file', async () => {
    const module = pathToFileURL(join(projectRoot(), 'packages/core/dist/assets/asset-cache.js')).href;
    const program = `
      const { AssetCache } = await import(${JSON.stringify(module)});
      const assets = new AssetCache({ log: (message) => console.log(message) });
      console.log('path ' + await assets.file(${JSON.stringify(source('shieldphotos/data/a_1.jpg'))}));`;
    const start = () =>
      new Promise<string>((resolve) => {
        const child = spawn(process.execPath, ['--input-type=module', '-e', program], { env: { ...process.env } });
        let output = '';
        child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
        child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
        child.on('close', () => resolve(output));
      });
    const outputs = await Promise.all([start(), start()]);
    const path = join(cache, 'assets/shieldphotos-1.0.0/shieldphotos/data/a_1.jpg');
    for (const output of outputs) expect(output).toContain(`path ${path}\n`);
    expect(outputs.join('').match(/downloading/g)).toHaveLength(1);
    expect(await readFile(path, 'utf8')).toBe(PHOTO);
  });

  it('lets an abort end the download', async () => {
    const controller = new AbortController();
    const stopped = new AssetCache({ log: () => controller.abort(), signal: controller.signal });
    await expect(stopped.file(source('shieldphotos/data/a_1.jpg'))).rejects.toMatchObject({ name: 'AbortError' });
  });
});
