import { mkdtemp, open, readFile, rm, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ChunkSink } from './chunk-sink.js';

const CHUNK = 5 << 20;

it('writes chunks one after the other into memory that is used by turns, and asks the disk for them meanwhile', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'shield-sink-'));
  const path = join(folder, 'file');
  const file = await open(path, 'w');
  let syncs = 0;
  const counted = { ...methods(file), datasync: () => (syncs++, file.datasync()) } as unknown as FileHandle;
  const sink = new ChunkSink(counted);
  const turns = [new Uint8Array(CHUNK), new Uint8Array(CHUNK)];
  for (let i = 0; i < 9; i++) await sink.write(turns[i % 2]!.fill(i));
  await sink.settled();
  await file.close();
  expect(syncs).toBeGreaterThan(0);
  const written = await readFile(path);
  expect(written.length).toBe(9 * CHUNK);
  for (let i = 0; i < 9; i++) {
    expect([written[i * CHUNK], written[(i + 1) * CHUNK - 1]]).toEqual([i, i]);
  }
  await rm(folder, { recursive: true });
});

it.each(['write', 'datasync'] as const)('tells that a %s failed, whatever comes after it', async (method) => {
  const fails = () => Promise.reject(new Error('the disk is gone'));
  const bytesWritten = CHUNK;
  const file = { write: () => Promise.resolve({ bytesWritten }), datasync: () => Promise.resolve(), [method]: fails };
  const sink = new ChunkSink(file as unknown as FileHandle);
  await expect(
    (async () => {
      for (let i = 0; i < 6; i++) await sink.write(new Uint8Array(CHUNK));
      await sink.settled();
    })(),
  ).rejects.toThrow('the disk is gone');
});

const methods = (file: FileHandle) => ({ write: file.write.bind(file) });
