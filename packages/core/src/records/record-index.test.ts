import { appendFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { deflateSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { maskedCrc32c } from './crc32c.js';
import { encodeExample, type Feature } from './example.js';
import { encodeImageRecord } from './image-record.js';
import { recordFiles } from './record-files.js';
import { indexRecords, type IndexedRecord } from './record-index.js';
import { RecordSource } from './record-source.js';
import { GOLDEN, golden, sha256 } from './testing/golden.js';
import { readRecords } from './tfrecord.js';
import { writeRecords } from './tfrecord-writer.js';

let folder: string;
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'shield-index-'))));
afterAll(() => rm(folder, { recursive: true }));

async function indexOf(path: string): Promise<IndexedRecord[]> {
  const records: IndexedRecord[] = [];
  for await (const record of indexRecords(path)) records.push(record);
  return records;
}

const text = (value: string): Feature => ({ kind: 'bytes', values: [Buffer.from(value)] });
const int = (value: number): Feature => ({ kind: 'int64', values: [value] });

describe('indexRecords', () => {
  it.each(['attacked_float32', 'preprocessed_uint8', 'validation_jpeg'])(
    'lists %s, plain and packed, and any record is read from there in any order',
    async (name) => {
      for (const file of [`${name}.tfrecord`, `${name}.tfrecord.gz`]) {
        const listed = await indexOf(golden(file));
        expect(listed.map(({ id, label }) => [id, label])).toEqual(
          GOLDEN.records.map(({ filename, label }) => [filename, label]),
        );
        const source = new RecordSource();
        for (const i of [2, 0, 3, 3, 1]) {
          expect(sha256(await source.load(listed[i]!))).toBe(GOLDEN.files[file]!.record_sha256![i]);
        }
        const all = await Promise.all(listed.map((record) => source.load(record)));
        expect(all.map(sha256)).toEqual(GOLDEN.files[file]!.record_sha256);
        await source.close();
      }
    },
  );

  it('finds name and label whatever stands around them, at any size', async () => {
    const path = join(folder, 'any');
    const feature = fc.oneof(
      fc.nat(40_000).map((n): Feature => ({ kind: 'bytes', values: [new Uint8Array(n)] })),
      fc.array(fc.maxSafeInteger(), { maxLength: 40 }).map((values): Feature => ({ kind: 'int64', values })),
    );
    const others = fc.dictionary(fc.string({ maxLength: 20 }), feature, { maxKeys: 6, noNullPrototype: true });
    const one = fc.tuple(fc.string({ minLength: 1 }), fc.integer(), others);
    await fc.assert(
      fc.asyncProperty(fc.array(one, { minLength: 1, maxLength: 4 }), async (records) => {
        const written = records.map(([name, label, more]) =>
          encodeExample({ ...more, 'image/filename': text(name), 'image/class/label': int(label) }),
        );
        await writeRecords(path, written);
        const listed = await indexOf(path);
        expect(listed.map(({ id, label }) => [id, label])).toEqual(
          records.map(([name, label]) => [Buffer.from(name).toString(), label]),
        );
      }),
      { numRuns: 40 },
    );
  });

  it('names what is damaged, and where', async () => {
    const whole = await readFile(golden('preprocessed_uint8.tfrecord'));
    const [, second] = await indexOf(golden('preprocessed_uint8.tfrecord'));
    const path = join(folder, 'damaged');
    const damage = async (at: number) => {
      const bytes = Buffer.from(whole);
      bytes[at]! ^= 0x40;
      await writeFile(path, bytes);
    };
    await damage(second!.offset + 9);
    await expect(indexOf(path)).rejects.toMatchObject({
      code: 'RECORD_CORRUPT',
      params: { path, offset: second!.offset, reason: 'the checksum of a length is wrong' },
    });
    // A pixel: the listing does not read it, the record says so when it is loaded.
    await damage(second!.offset + 1000);
    const listed = await indexOf(path);
    const source = new RecordSource();
    await expect(source.load(listed[1]!)).rejects.toMatchObject({ code: 'RECORD_CORRUPT', params: { path } });
    expect((await source.load(listed[2]!)).length).toBe(listed[2]!.length);
  });

  it('notices that a file has changed since', async () => {
    const image = { data: new Uint8Array(12), height: 2, width: 2 };
    for (const compression of ['none', 'gzip'] as const) {
      const path = join(folder, `changing-${compression}`);
      const record = (id: string) => encodeImageRecord({ id, label: 1, image });
      await writeRecords(path, [record('a'), record('b')], { compression });
      const listed = await indexOf(path);
      await writeRecords(path, [record('longer than before'), record('b')], { compression });
      await expect(new RecordSource().load(listed[1]!)).rejects.toMatchObject({ code: 'RECORD_CORRUPT' });
    }
  });

  it('reads from more files by turns than it keeps open', async () => {
    const image = { data: new Uint8Array(12), height: 2, width: 2 };
    const paths = Array.from({ length: 40 }, (_, i) => join(folder, `one-of-many-${i}`));
    for (const path of paths)
      await writeRecords(
        path,
        ['a', 'b'].map((id) => encodeImageRecord({ id: `${basename(path)} ${id}`, label: 1, image })),
      );
    const listed = (await Promise.all(paths.map(indexOf))).flat().sort((a, b) => a.offset - b.offset);
    const source = new RecordSource();
    const open = async () => (await readdir('/dev/fd')).length;
    const before = process.platform === 'linux' ? await open() : 0;
    const loaded = await Promise.all(listed.map((one) => source.load(one)));
    expect(loaded.map(maskedCrc32c)).toEqual(listed.map(({ crc }) => crc));
    for (const one of listed) expect(maskedCrc32c(await source.load(one))).toBe(one.crc);
    if (process.platform === 'linux') expect((await open()) - before).toBeLessThan(25);
    await source.close();
    expect(maskedCrc32c(await source.load(listed[0]!))).toBe(listed[0]!.crc);
    await source.close();
  });

  it('names records without a filename by their place, and refuses those without a label', async () => {
    const path = join(folder, 'nameless');
    await writeRecords(path, [encodeExample({ 'image/class/label': int(3) })]);
    expect((await indexOf(path)).map(({ id }) => id)).toEqual(['nameless@0']);
    await writeRecords(path, [encodeExample({ 'image/filename': text('a') })]);
    await expect(indexOf(path)).rejects.toThrow('the record has no image/class/label');
    await writeRecords(path, [Buffer.from('no example at all')]);
    await expect(indexOf(path)).rejects.toMatchObject({ code: 'RECORD_CORRUPT' });
  });
});

describe('compression', () => {
  it('is read and written as gzip and zlib, and a plain file that looks like one is told from it', async () => {
    const path = join(folder, 'packed');
    // A length of 0x9c78 begins like a zlib stream, one of 0x8b1f like gzip.
    const records = [new Uint8Array(0x9c78), new Uint8Array(0x8b1f).fill(3)];
    for (const order of [records, [...records].reverse()]) {
      for (const compression of ['none', 'gzip', 'zlib'] as const) {
        const { bytes } = await writeRecords(path, order, { compression });
        expect((await readFile(path)).length).toBe(bytes);
        const read: Uint8Array[] = [];
        for await (const record of readRecords(path)) read.push(record);
        expect(read.map(sha256)).toEqual(order.map(sha256));
      }
    }
    const plain = await readFile(golden('preprocessed_uint8.tfrecord'));
    for (const pack of [gzipSync, deflateSync]) {
      await writeFile(path, pack(plain));
      expect((await indexOf(path)).map(({ id }) => id)).toEqual(GOLDEN.records.map(({ filename }) => filename));
    }
    await appendFile(path, 'more behind the end');
    expect((await indexOf(path)).length).toBe(4);
  });
});

describe('recordFiles', () => {
  it('takes a file, a folder or a glob, in order, and names the shards that are missing', async () => {
    const place = join(folder, 'shards[1]');
    const { mkdir } = await import('node:fs/promises');
    await mkdir(place);
    for (const name of [
      'b-00002-of-00003',
      'b-00000-of-00003',
      'a',
      'notes.txt',
      'provision.json',
      'b-00001-of-00003.17.ab.tmp',
    ])
      await writeFile(join(place, name), '');
    const names = async (...path: [string, string?]) => {
      const { paths, missing } = await recordFiles(...path);
      return [paths.map((one) => one.slice(place.length + 1)), missing];
    };
    expect(await names(place)).toEqual([['a', 'b-00000-of-00003', 'b-00002-of-00003'], ['b-00001-of-00003']]);
    expect(await names(place, 'b-*')).toEqual([['b-00000-of-00003', 'b-00002-of-00003'], ['b-00001-of-00003']]);
    expect(await names(join(place, 'a'))).toEqual([['a'], []]);
    expect(await names(join(folder, 'shard?\\[1\\]', 'b-0000{0,2}-*'))).toMatchObject([{ length: 2 }, { length: 1 }]);
    expect(await names(join(folder, 'shard?\\[1\\]', '*'))).toEqual([['a', 'b-00000-of-00003', 'b-00002-of-00003'], ['b-00001-of-00003']]); // prettier-ignore
    expect(await names(join(place, 'nothing'))).toEqual([[], []]);
  });
});
