import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { backgroundSha256 } from './background-sha256.js';

it('hashes a file beside other work, and says where there is none', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'shield-sum-'));
  const path = join(folder, 'file');
  const bytes = Buffer.alloc(3_000_001, 'weights');
  await writeFile(path, bytes);
  await writeFile(join(folder, 'empty'), '');
  expect(await backgroundSha256(path)).toBe(createHash('sha256').update(bytes).digest('hex'));
  expect(await backgroundSha256(join(folder, 'empty'))).toBe(createHash('sha256').digest('hex'));
  const [none, again] = [backgroundSha256(join(folder, 'none')), backgroundSha256(path)];
  await expect(none).rejects.toThrow(/ENOENT/);
  expect(await again).toBe(createHash('sha256').update(bytes).digest('hex'));
  await rm(folder, { recursive: true });
});
