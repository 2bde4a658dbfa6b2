import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { appendResult, readResults, type CellResult } from './results.js';

const folder = mkdtempSync(join(tmpdir(), 'shield-results-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const result = (key: string, seconds: number, error = 'é'.repeat(50_000)): CellResult => ({
  ...{ cell: 1, key, state: 'FAILED', error, seconds },
});

it('the last word on each cell counts, and a torn line for nothing', async () => {
  const path = join(folder, 'cells.jsonl');
  expect((await readResults(path)).size).toBe(0);
  writeFileSync(path, '{"cell":1,"key":"torn","sta');
  for (const each of [result('a', 1), result('b', 2), result('a', 3)]) await appendResult(path, each);
  const read = await readResults(path);
  expect([...read.keys()]).toEqual(['a', 'b']);
  expect(read.get('a')).toEqual(result('a', 3));
  expect(read.get('b')).toEqual(result('b', 2));
});
