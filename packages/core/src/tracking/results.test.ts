import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { canMountDisks, mountSmallDisk } from '../testing/processes.js';
import { PerImageWriter, readPerImage, writeMetrics } from './results.js';
import { filesOf, type Run } from './runs-folder.js';

const runAt = (path: string): Run => ({
  format: 1,
  id: 'a-run',
  name: 'a',
  hash: 'h',
  createdAt: '',
  commandLine: [],
  path,
  files: filesOf(path),
});

let run: Run;
beforeEach(() => void (run = runAt(mkdtempSync(join(tmpdir(), 'shield-results-')))));
afterEach(() => rmSync(run.path, { recursive: true }));

const row = (i: number) => ({ id: `image-${i}.png`, label: i % 10, l2: i / 7, note: 'é\n🐼' });

async function write(rows: number): Promise<void> {
  const writer = await PerImageWriter.create(run);
  for (let i = 0; i < rows; i++) await writer.write(row(i));
  expect(await writer.finish()).toBe(rows);
}

it('gives every row back, in order', async () => {
  await write(5000);
  expect(readdirSync(run.path)).toEqual(['per-image.jsonl']);
  const rows = [];
  for await (const each of readPerImage(run)) rows.push(each);
  expect(rows).toEqual(Array.from({ length: 5000 }, (_, i) => row(i)));
});

it('shows nothing before it is whole, and nothing of what was given up', async () => {
  const writer = await PerImageWriter.create(run);
  for (let i = 0; i < 2000; i++) await writer.write(row(i));
  expect(readdirSync(run.path)).not.toContain('per-image.jsonl');
  await writer.discard();
  expect(readdirSync(run.path)).toEqual([]);
});

it('keeps what an earlier attempt left, where it says something else', async () => {
  await write(3);
  await write(3);
  expect(readdirSync(run.path)).toEqual(['per-image.jsonl']);
  await write(4);
  await write(5);
  expect(readdirSync(run.path).sort()).toEqual(['per-image.1.jsonl', 'per-image.2.jsonl', 'per-image.jsonl']);
  await writeMetrics(run, { top1: 0.5, recovered: null });
  await writeMetrics(run, { top1: 0.6, recovered: null });
  expect(JSON.parse(readFileSync(run.files.metrics, 'utf8'))).toEqual({ top1: 0.6, recovered: null });
  expect(JSON.parse(readFileSync(join(run.path, 'metrics.1.json'), 'utf8'))).toEqual({ top1: 0.5, recovered: null });
});

it('names the place of a damaged line', async () => {
  writeFileSync(run.files.perImage, '{"id":"é"}\n{"id":\n{"id":"c"}\n');
  const rows: unknown[] = [];
  const read = async () => {
    for await (const each of readPerImage(run)) rows.push(each);
  };
  await expect(read()).rejects.toMatchObject({ code: 'RECORD_CORRUPT', params: { offset: 12 } });
  expect(rows).toEqual([{ id: 'é' }]);
});

it.skipIf(!canMountDisks())(
  'leaves an earlier result alone when the disk is full (skipped where none can be mounted)',
  async () => {
    const disk = mountSmallDisk(64 * 1024);
    const small = runAt(disk.path);
    try {
      await writeMetrics(small, { top1: 0.5 });
      const fill = async () => {
        const writer = await PerImageWriter.create(small);
        for (let i = 0; i < 5000; i++) await writer.write(row(i));
        await writer.finish();
      };
      await expect(fill()).rejects.toMatchObject({ code: 'DISK_FULL' });
      await expect(writeMetrics(small, { text: 'x'.repeat(200_000) })).rejects.toMatchObject({ code: 'DISK_FULL' });
      expect(JSON.parse(readFileSync(small.files.metrics, 'utf8'))).toEqual({ top1: 0.5 });
      expect(readdirSync(small.path)).toEqual(['metrics.json']);
    } finally {
      disk.unmount();
    }
  },
);
