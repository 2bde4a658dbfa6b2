import { createHash } from 'node:crypto';
import { mkdtemp, mkdir, readFile, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { rememberedSha256 } from './remembered-sha256.js';

const sumOf = (text: string) => createHash('sha256').update(text).digest('hex');
const before = process.env['SHIELD_CACHE'];
let folder: string;
let sums: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'shield-sums-'));
  process.env['SHIELD_CACHE'] = join(folder, 'cache');
  sums = join(folder, 'cache', 'sums');
});

afterAll(async () => {
  if (before === undefined) delete process.env['SHIELD_CACHE'];
  else process.env['SHIELD_CACHE'] = before;
  await rm(folder, { recursive: true });
});

/** Has the one sum on record say something else, so that whoever goes by it is seen to. */
async function forge(sha256: string): Promise<void> {
  const [file] = await readdir(sums);
  const path = join(sums, file!);
  await writeFile(path, JSON.stringify({ ...(JSON.parse(await readFile(path, 'utf8')) as object), sha256 }));
}

it('computes the sum of a file that has just been written, and remembers that of one that stood for a while', async () => {
  const path = join(folder, 'weights.ckpt');
  await writeFile(path, 'one');
  expect(await rememberedSha256(path)).toBe(sumOf('one'));
  await expect(readdir(sums)).rejects.toThrow(/ENOENT/);
  await sleep(3100);
  expect(await rememberedSha256(path)).toBe(sumOf('one'));
  expect(await readdir(sums)).toHaveLength(1);
  await forge('remembered');
  expect(await rememberedSha256(path)).toBe('remembered');

  // Of the same length, and its times set back: the time of the change itself tells.
  const { atime, mtime } = await stat(path);
  await writeFile(path, 'two');
  await utimes(path, atime, mtime);
  expect(await rememberedSha256(path)).toBe(sumOf('two'));

  // Another file in its place that is as old.
  const other = join(folder, 'other');
  await writeFile(other, 'six');
  await utimes(other, atime, mtime);
  await rename(other, path);
  expect(await rememberedSha256(path)).toBe(sumOf('six'));
});

it('goes by nothing where the record is damaged or cannot be kept, and says where there is no file', async () => {
  const path = join(folder, 'old.ckpt');
  await writeFile(path, 'old');
  await sleep(3100);
  await rm(sums, { recursive: true, force: true });
  expect(await rememberedSha256(path)).toBe(sumOf('old'));
  const [file] = await readdir(sums);
  await writeFile(join(sums, file!), '{"path":');
  expect(await rememberedSha256(path)).toBe(sumOf('old'));
  await rm(sums, { recursive: true });
  await mkdir(join(folder, 'cache'), { recursive: true });
  await writeFile(sums, 'no folder');
  expect(await rememberedSha256(path)).toBe(sumOf('old'));
  await rm(sums);
  await expect(rememberedSha256(join(folder, 'none'))).rejects.toThrow(/ENOENT/);
});
