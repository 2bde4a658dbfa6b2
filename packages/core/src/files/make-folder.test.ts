import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { makeFolder } from './make-folder.js';

const folder = mkdtempSync(join(tmpdir(), 'shield-make-folder-'));
afterAll(() => rmSync(folder, { recursive: true }));

test('makes all that is missing, and is content with what is there', async () => {
  const path = join(folder, 'a', 'b', 'c');
  await makeFolder(path);
  await makeFolder(path);
  expect(statSync(path).isDirectory()).toBe(true);
});

test('several at once', async () => {
  const path = join(folder, 'd', 'e');
  await Promise.all(Array.from({ length: 8 }, (_, i) => makeFolder(join(path, `${i % 3}`))));
  expect(statSync(join(path, '2')).isDirectory()).toBe(true);
});

test('a file in the way', async () => {
  const file = join(folder, 'file');
  writeFileSync(file, '');
  await expect(makeFolder(file)).rejects.toMatchObject({ code: 'EEXIST' });
  await expect(makeFolder(join(file, 'x'))).rejects.toMatchObject({ code: 'ENOTDIR' });
});

test.skipIf(!existsSync('/proc/self'))('a file system that takes no folders: an error instead of no end', async () => {
  await expect(makeFolder('/proc/none/below')).rejects.toMatchObject({ code: 'ENOENT' });
});
