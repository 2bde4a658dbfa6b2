import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import fc from 'fast-check';
import type { ShieldError } from '../errors/index.js';
import { mountSmallDisk } from '../testing/processes.js';
import { maskedCrc32c } from './crc32c.js';
import { GOLDEN, golden, sha256 } from './testing/golden.js';
import { readRecords } from './tfrecord.js';
import { writeRecords } from './tfrecord-writer.js';

let folder: string;
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'shield-records-'))));
afterAll(() => rm(folder, { recursive: true }));

/** What could be read, and how it ended. */
async function readAll(path: string): Promise<{ records: Uint8Array[]; error: unknown }> {
  const records: Uint8Array[] = [];
  try {
    for await (const record of readRecords(path)) records.push(record);
  } catch (error) {
    return { records, error };
  }
  return { records, error: undefined };
}

/** A head that says `length` and carries a good checksum. */
function head(length: bigint): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.writeBigUInt64LE(length);
  bytes.writeUInt32LE(maskedCrc32c(bytes.subarray(0, 8)), 8);
  return bytes;
}

describe('readRecords', () => {
  const whole = Object.entries(GOLDEN.files).flatMap(([name, file]) =>
    file.record_sha256 ? [{ name, hashes: file.record_sha256 }] : [],
  );

  it.each(whole)('reads TensorFlow’s $name', async ({ name, hashes }) => {
    const { records, error } = await readAll(golden(name));
    expect(error).toBeUndefined();
    expect(records.map(sha256)).toEqual(hashes);
  });

  it.each([
    { name: 'corrupt_crc.tfrecord', offset: 0, reason: /checksum of a record is wrong/ },
    { name: 'truncated.tfrecord', offset: 18596 - 197 - 16, reason: /beyond the end of the file/ },
  ])('reads $name as far as TensorFlow does', async ({ name, offset, reason }) => {
    const { records, error } = await readAll(golden(name));
    expect(records).toHaveLength(GOLDEN.files[name]!.tf_reads!);
    expect(error).toMatchObject({ code: 'RECORD_CORRUPT', params: { path: golden(name), offset } });
    expect((error as ShieldError).message).toMatch(reason);
  });

  it('reads an empty file as no records', async () => {
    const path = join(folder, 'empty');
    await writeFile(path, '');
    expect(await readAll(path)).toEqual({ records: [], error: undefined });
  });

  it('does not believe a length with a good checksum that goes beyond the file, plain or packed', async () => {
    for (const length of [100n, 2n ** 40n, 2n ** 53n, 2n ** 64n - 1n]) {
      const bytes = Buffer.concat([head(length), Buffer.alloc(60)]);
      for (const [name, content] of [['plain', bytes] as const, ['packed', gzipSync(bytes)] as const]) {
        const path = join(folder, name);
        await writeFile(path, content);
        const { error } = await readAll(path);
        expect(error, `${name} ${length}`).toMatchObject({ code: 'RECORD_CORRUPT', params: { offset: 0 } });
      }
    }
  });

  it('says so where there is no file', async () => {
    const { error } = await readAll(join(folder, 'nothing'));
    expect(error).toMatchObject({ code: 'RECORD_CORRUPT' });
    expect((error as Error).message).toContain('ENOENT');
  });

  it('reads no faster than it is asked to, and lets go of the file when left early', async () => {
    const path = join(folder, 'long');
    const record = new Uint8Array(1 << 20);
    await writeRecords(
      path,
      Array.from({ length: 64 }, () => record),
    );
    const before = process.memoryUsage().arrayBuffers;
    let most = 0;
    let count = 0;
    for await (const read of readRecords(path)) {
      expect(read.length).toBe(record.length);
      most = Math.max(most, process.memoryUsage().arrayBuffers - before);
      if (++count === 40) break;
    }
    // What garbage collection has not come to yet counts as well: well below the 64 MB of the file.
    expect(most).toBeLessThan(48e6);
    if (existsSync('/proc/self/fd')) {
      const { readlink } = await import('node:fs/promises');
      const open = await Promise.all(
        (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')),
      );
      expect(open).not.toContain(path);
    }
  });
});

describe('writeRecords', () => {
  it('writes what TensorFlow writes, and says its size and hash', async () => {
    const { records } = await readAll(golden('attacked_float32.tfrecord'));
    const path = join(folder, 'again.tfrecord');
    const written = await writeRecords(path, records, { sha256: true });
    expect(written).toEqual({
      bytes: GOLDEN.files['attacked_float32.tfrecord']!.bytes,
      sha256: GOLDEN.files['attacked_float32.tfrecord']!.sha256,
      records: records.length,
    });
    expect(
      createHash('sha256')
        .update(await readFile(path))
        .digest('hex'),
    ).toBe(written.sha256);
    const { bytes, records: count } = written;
    expect(await writeRecords(path, records)).toEqual({ bytes, records: count });
  });

  it.each(['none', 'gzip', 'zlib'] as const)(
    'writes records longer and shorter than its memory (%s)',
    async (compression) => {
      const path = join(folder, `sizes-${compression}`);
      const lengths = [0, 1, (1 << 20) - 33, 5, 3 << 20, (1 << 20) - 16, 1000, (1 << 20) + 7, 0];
      const records = lengths.map((length, i) => Uint8Array.from({ length }, (_, at) => (at * (i + 3)) >> 3));
      const { bytes, sha256 } = await writeRecords(path, records, { compression, sha256: true });
      const written = await readFile(path);
      expect([written.length, createHash('sha256').update(written).digest('hex')]).toEqual([bytes, sha256]);
      const read = await readAll(path);
      expect(read.error).toBeUndefined();
      expect(read.records.map(({ length }) => length)).toEqual(lengths);
      expect(read.records.every((record, i) => Buffer.compare(record, records[i]!) === 0)).toBe(true);
    },
  );

  it('gives back whatever it was given', async () => {
    const path = join(folder, 'round-trip');
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 12 }),
        fc.boolean(),
        async (records, pack) => {
          await writeRecords(path, records);
          if (pack) await writeFile(path, gzipSync(await readFile(path)));
          expect(await readAll(path)).toEqual({ records, error: undefined });
        },
      ),
    );
  });

  it('leaves nothing behind where the records fail, and what stood there before as it was', async () => {
    const place = await mkdtemp(join(folder, 'atomic-'));
    const path = join(place, 'records');
    await writeRecords(path, [Buffer.from('before')]);
    const failing = async function* () {
      yield Buffer.from('half');
      await Promise.resolve();
      throw new Error('the source failed');
    };
    await expect(writeRecords(path, failing())).rejects.toThrow('the source failed');
    expect(await readdir(place)).toEqual(['records']);
    expect((await readAll(path)).records.map((record) => Buffer.from(record).toString())).toEqual(['before']);
  });

  it('says where it cannot write', async () => {
    await expect(writeRecords(join(folder, 'no', 'such', 'folder'), [])).rejects.toMatchObject({
      code: 'WRITE_FAILED',
    });
  });

  it('says when the disk is full and leaves no file, where a small disk can be mounted', async (context) => {
    const disk = mountSmallDisk(1 << 20);
    if (!disk) return context.skip('needs the right to mount a file system');
    try {
      const records = Array.from({ length: 30 }, () => new Uint8Array(100_000));
      await expect(writeRecords(join(disk.path, 'records'), records)).rejects.toMatchObject({ code: 'DISK_FULL' });
      expect(await readdir(disk.path)).toEqual([]);
    } finally {
      disk.unmount();
    }
  });

  it('is read back as cut off when the file is', async () => {
    const path = join(folder, 'cut');
    const { bytes } = await writeRecords(path, [Buffer.from('one'), Buffer.from('two')]);
    await truncate(path, bytes - 1);
    expect((await stat(path)).size).toBe(bytes - 1);
    const { records, error } = await readAll(path);
    expect(records.map((record) => Buffer.from(record).toString())).toEqual(['one']);
    expect(error).toMatchObject({ code: 'RECORD_CORRUPT', params: { offset: 19 } });
  });
});
