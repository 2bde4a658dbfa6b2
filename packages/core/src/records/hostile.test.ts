import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ShieldError } from '../errors/index.js';
import { Random } from '../random/random.js';
import { mutated, MUTATIONS } from '../testing/mutations.js';
import { decodeImageRecord, type ImageRecord } from './image-record.js';
import { inspectRecords } from './inspect-records.js';
import { indexRecords } from './record-index.js';
import { RecordSource } from './record-source.js';
import { golden, sha256 } from './testing/golden.js';
import { readRecords } from './tfrecord.js';
import { writeRecords } from './tfrecord-writer.js';

let folder: string;
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'shield-hostile-records-'))));
afterAll(() => rm(folder, { recursive: true }));

/** The images of a file, up to where it ends or an error, which must be a clear one that names the file and the byte. */
async function imagesOf(path: string): Promise<{ images: ImageRecord[]; refused: boolean }> {
  const images: ImageRecord[] = [];
  const source = new RecordSource();
  try {
    for await (const record of indexRecords(path))
      images.push(await decodeImageRecord(await source.load(record), record));
    return { images, refused: false };
  } catch (error) {
    expect(error).toBeInstanceOf(ShieldError);
    const { code, message, fix } = error as ShieldError;
    expect(code).toMatch(/^(RECORD|IMAGE)_CORRUPT$/);
    expect(message + fix).toContain(path);
    expect(message + fix).toMatch(/byte \d+/);
    return { images, refused: true };
  } finally {
    await source.close();
  }
}

const seen = ({ id, label, image }: ImageRecord) => `${id} ${label} ${sha256(Buffer.from(image.data.buffer))}`;

describe.each(['attacked_float32', 'preprocessed_uint8', 'validation_jpeg'])('%s, damaged', (name) => {
  it.each(['none', 'gzip', 'zlib'])(
    `${MUTATIONS} times (%s), gives the images that were written or a clear error`,
    { timeout: 600_000 },
    async (compression) => {
      const plain = await readFile(golden(`${name}.tfrecord`));
      const packed = compression === 'gzip' ? await readFile(golden(`${name}.tfrecord.gz`)) : deflateSync(plain);
      const bytes = compression === 'none' ? plain : packed;
      const path = join(folder, `${name}-${compression}`);
      await writeFile(path, bytes);
      const right = new Set((await imagesOf(path)).images.map(seen));
      expect(right.size).toBe(4);
      let refused = 0;
      for (let i = 0; i < MUTATIONS; i++) {
        await writeFile(path, mutated(bytes, new Random('hostile records', name, compression, i)));
        const result = await imagesOf(path);
        if (result.refused) refused++;
        for (const image of result.images) expect(right.has(seen(image))).toBe(true);
        const { damages } = await inspectRecords([path], { decode: true });
        if (result.refused) expect(damages.join()).toMatch(/byte \d+/);
      }
      expect(refused).toBeGreaterThan(MUTATIONS / 2);
    },
  );

  it(
    `${MUTATIONS} times below right checksums, gives whole images or a clear error`,
    { timeout: 600_000 },
    async () => {
      const path = join(folder, `${name}-examples`);
      const examples: Uint8Array[] = [];
      for await (const example of readRecords(golden(`${name}.tfrecord`))) examples.push(example);
      let refused = 0;
      for (let i = 0; i < MUTATIONS; i++) {
        const random = new Random('hostile examples', name, i);
        const example = examples[i % examples.length]!;
        // What says how the pixels are to be read stands at both ends and is short; the pixels are hit more seldom.
        const head = i % 3 === 0 ? example.length : Math.min(example.length, 120);
        const start = i % 3 === 1 ? 0 : example.length - head;
        const part = mutated(example.subarray(start, start + head), random);
        await writeRecords(path, [Buffer.concat([example.subarray(0, start), part, example.subarray(start + head)])]);
        const result = await imagesOf(path);
        if (result.refused) refused++;
        for (const { image } of result.images) expect(image.data.length).toBe(image.height * image.width * 3);
      }
      expect(refused).toBeGreaterThan(MUTATIONS / 10);
    },
  );
});
