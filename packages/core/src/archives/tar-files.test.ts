import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { tarBytes, type TarEntry } from '../testing/tar-bytes.js';
import { FileBytes, memoryBytes } from './byte-source.js';
import { tarFiles, type Part } from './tar-files.js';

const root = mkdtempSync(join(tmpdir(), 'shield-tar-'));
afterAll(() => rmSync(root, { recursive: true }));
const hasTar = spawnSync('tar', ['--version'], { encoding: 'utf8' }).stdout?.includes('GNU') ?? false;

/** Path and content of each file. */
async function read(bytes: Buffer, part?: Part): Promise<[string, string][]> {
  const source = memoryBytes('a.tar', bytes);
  const found: [string, string][] = [];
  for await (const { path, offset, size } of tarFiles(source, part)) {
    found.push([path, (await source.read(offset, size)).toString()]);
  }
  return found;
}

const text = (path: string, content: string, more: Partial<TarEntry> = {}): TarEntry => ({
  path,
  data: Buffer.from(content),
  ...more,
});

describe('tarFiles', () => {
  it.skipIf(!hasTar)('reads what GNU tar wrote, in each of its formats, with long names', async () => {
    const folder = join(root, 'tree');
    const long = 'l'.repeat(120);
    mkdirSync(join(folder, 'deep', long), { recursive: true });
    writeFileSync(join(folder, 'deep', long, `${long}.txt`), 'far down');
    writeFileSync(join(folder, 'empty'), '');
    writeFileSync(join(folder, 'block'), 'x'.repeat(512));
    for (const format of ['gnu', 'pax', 'posix']) {
      const path = join(root, `${format}.tar`);
      execFileSync('tar', ['-cf', path, `--format=${format}`, '--sort=name', '-C', folder, 'block', 'deep', 'empty']);
      const source = await FileBytes.open(path);
      const found: [string, number][] = [];
      for await (const file of tarFiles(source)) {
        found.push([file.path, file.size]);
        if (file.size === 8) expect((await source.read(file.offset, 8)).toString()).toBe('far down');
      }
      await source.close();
      expect(found, format).toEqual([
        ['block', 512],
        [`deep/${long}/${long}.txt`, 8],
        ['empty', 0],
      ]);
    }
    symlinkSync('/etc/passwd', join(folder, 'link'));
    execFileSync('tar', ['-cf', join(root, 'link.tar'), '-C', folder, 'link']);
    const source = await FileBytes.open(join(root, 'link.tar'));
    await expect(tarFiles(source).next()).rejects.toThrow('"link" is a symbolic link, not a file');
    await source.close();
  });

  it('reads an archive that stands in another one, and not beyond it', async () => {
    const inner = tarBytes([text('n1_1.JPEG', 'one'), text('n1_2.JPEG', 'two')]);
    const bytes = tarBytes([{ path: 'n1.tar', data: inner }, text('other', 'else')]);
    const { value: tar } = await tarFiles(memoryBytes('a.tar', bytes)).next();
    const part = { start: tar!.offset, end: tar!.offset + tar!.size };
    expect(await read(bytes, part)).toEqual([
      ['n1_1.JPEG', 'one'],
      ['n1_2.JPEG', 'two'],
    ]);
    // An inner archive whose entry claims what stands behind it.
    const greedy = tarBytes([text('n1_1.JPEG', 'one', { size: 2000 })], { end: false });
    const outer = tarBytes([{ path: 'n1.tar', data: greedy }, text('secret', 's'.repeat(3000))]);
    await expect(read(outer, { start: 512, end: 512 + greedy.length })).rejects.toThrow(
      'beyond the end of the archive',
    );
  });

  it.each<[string, readonly TarEntry[], string]>([
    ['an absolute path', [text('/etc/passwd', 'x')], 'the path "/etc/passwd" is absolute'],
    ['a drive', [text('C:\\windows\\x', 'x')], 'is absolute'],
    ['a path that climbs', [text('a/../../b', 'x')], `leaves the archive's folder`],
    ['a path that climbs by backslashes', [text('a\\..\\..\\b', 'x')], `leaves the archive's folder`],
    ['no name', [text('', 'x')], 'has no name'],
    ['a symbolic link', [{ path: 'a', type: '2', link: '/etc' }], '"a" is a symbolic link'],
    ['a link to itself', [{ path: 'a', type: '2', link: 'a' }], '"a" is a symbolic link'],
    ['a hard link', [{ path: 'a', type: '1', link: 'a' }], '"a" is a hard link'],
    ['a device', [{ path: 'null', type: '3' }], 'is a device'],
    ['a pipe', [{ path: 'p', type: '6' }], 'is a pipe'],
    ['holes', [{ path: 's', type: 'S' }], 'is a file with holes'],
    ['2^60 bytes', [{ path: 'a', size: 2n ** 60n }], 'outside of javascript safe integer range'],
    ['2^40 bytes', [{ path: 'a', size: 2n ** 40n }], 'an entry of 1099511627776 bytes goes beyond the end'],
    ['a long name of 2^30 bytes', [{ path: 'L', type: 'L', size: 2 ** 30 }], 'goes beyond the end'],
    ['a pax path that climbs', [text('x', '16 path=../../b\n', { type: 'x' }), text('b', 'x')], 'leaves the archive'],
    ['a long name that climbs', [text('L', '../../b\0', { type: 'L' }), text('b', 'x')], 'leaves the archive'],
  ])('refuses %s, naming the byte', async (_, entries, reason) => {
    const good = text('good', 'fine');
    await expect(read(tarBytes([good, ...entries]))).rejects.toMatchObject({
      code: 'ARCHIVE_CORRUPT',
      message: expect.stringContaining(reason) as string,
      params: { path: 'a.tar', offset: entries.length === 2 ? 2048 : 1024 },
    });
  });

  it('refuses archives that are cut off, wherever that is, and headers with a flipped bit', async () => {
    const whole = tarBytes([text('a', 'x'.repeat(700)), text('b', 'y')]);
    for (let length = 0; length < whole.length - 1024; length += 37) {
      await expect(read(whole.subarray(0, length)), `${length} bytes`).rejects.toMatchObject({
        code: 'ARCHIVE_CORRUPT',
      });
    }
    for (let bit = 0; bit < 512 * 8; bit += 11) {
      const bytes = Buffer.from(whole);
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      const outcome = await read(bytes).catch((error: unknown) => error);
      if (Array.isArray(outcome)) expect(outcome.map(([, content]) => (content as string).length)).toEqual([700, 1]);
      else expect(outcome).toMatchObject({ code: 'ARCHIVE_CORRUPT', params: { offset: 0 } });
    }
  });

  it('says where there is no archive', async () => {
    await expect(FileBytes.open(join(root, 'none.tar'))).rejects.toMatchObject({ code: 'ARCHIVE_CORRUPT' });
  });
});
