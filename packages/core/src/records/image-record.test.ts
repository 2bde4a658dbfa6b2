import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import type { Image } from '../plugin/contracts.js';
import { decodeExample, encodeExample, type Feature } from './example.js';
import { decodeImageRecord, encodeImageRecord, encodeOriginalRecord, type StoredRange } from './image-record.js';
import { GOLDEN, golden, sha256 } from './testing/golden.js';
import { readRecords } from './tfrecord.js';

async function records(name: string): Promise<Uint8Array[]> {
  const out: Uint8Array[] = [];
  for await (const record of readRecords(golden(name))) out.push(record);
  return out;
}

const text = (value: string): Feature => ({ kind: 'bytes', values: [Buffer.from(value)] });
const int = (value: number): Feature => ({ kind: 'int64', values: [value] });

describe('tf.Example', () => {
  it('holds what TensorFlow wrote, and writes it to the same size', async () => {
    for (const [i, record] of (await records('attacked_float32.tfrecord')).entries()) {
      const features = await decodeExample(record);
      const expected = GOLDEN.records[i]!;
      expect(Object.keys(features).sort()).toEqual(
        ['image/class/label', 'image/encoded', 'image/filename', 'image/height', 'image/width'].sort(),
      );
      expect(features['image/height']).toEqual(int(expected.height));
      expect(features['image/class/label']).toEqual(int(expected.label));
      expect(sha256(features['image/encoded']!.values[0] as Uint8Array)).toBe(expected.float32_sha256);
      expect((await encodeExample(features)).length).toBe(record.length);
    }
  });

  it('gives back any features', async () => {
    const feature = fc.oneof(
      fc
        .array(fc.uint8Array({ maxLength: 30 }), { maxLength: 4 })
        .map((values): Feature => ({ kind: 'bytes', values })),
      fc.array(fc.float({ noNaN: true }), { maxLength: 4 }).map((values): Feature => ({ kind: 'float', values })),
      fc.array(fc.maxSafeInteger(), { maxLength: 4 }).map((values): Feature => ({ kind: 'int64', values })),
    );
    const name = fc.string({ unit: 'grapheme', maxLength: 12 }).filter((key) => key !== '__proto__');
    await fc.assert(
      fc.asyncProperty(fc.dictionary(name, feature, { maxKeys: 6, noNullPrototype: true }), async (features) => {
        const bytes = await encodeExample(features);
        const read = await decodeExample(bytes);
        expect(Object.keys(read).sort()).toEqual(Object.keys(features).sort());
        for (const [key, { kind, values }] of Object.entries(features)) {
          expect(read[key]!.kind).toBe(kind);
          expect(read[key]!.values.map((v) => (typeof v === 'number' ? v : [...v]))).toEqual(
            values.map((v) => (typeof v === 'number' ? v : [...v])),
          );
        }
      }),
    );
  });

  it('refuses a whole number that JavaScript cannot hold', async () => {
    const record = await encodeExample({ label: int(2 ** 60) });
    await expect(decodeExample(record)).rejects.toThrow('label holds a number beyond');
  });
});

describe('image records', () => {
  const side = fc.integer({ min: 1, max: 6 });
  const images = fc.tuple(side, side, fc.boolean()).chain(([height, width, floats]): fc.Arbitrary<Image> => {
    const samples = { minLength: height * width * 3, maxLength: height * width * 3 };
    return floats
      ? fc.float32Array({ ...samples, min: 0, max: 1, noNaN: true }).map((data) => ({ data, height, width }))
      : fc.uint8Array(samples).map((data) => ({ data, height, width }));
  });

  it('come back to the last bit', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ minLength: 1 }), fc.nat(100_000), images, async (id, label, image) => {
        const read = await decodeImageRecord(await encodeImageRecord({ id, label, image }));
        expect(read).toEqual({ id: Buffer.from(id).toString(), label, image });
        expect(read.image.data.constructor).toBe(image.data.constructor);
      }),
    );
  });

  it('say what their pixels are, beside the original’s keys', async () => {
    const image = { data: Float32Array.of(0, 0.5, 1), height: 1, width: 1 };
    const features = await decodeExample(await encodeImageRecord({ id: 'a', label: 7, image }));
    const plain = Object.fromEntries(
      Object.entries(features).map(([key, { values }]) => [
        key,
        typeof values[0] === 'number' ? values[0] : Buffer.from(values[0]!).toString('latin1'),
      ]),
    );
    expect(plain).toEqual({
      'image/filename': 'a',
      'image/encoded': Buffer.from(image.data.buffer).toString('latin1'),
      'image/height': 1,
      'image/width': 1,
      'image/channels': 3,
      'image/dtype': 'float32',
      'image/range': '0,1',
      'image/class/label': 7,
    });
  });

  it('of the original are read, and turned from [-1, 1] to [0, 1]', async () => {
    for (const [i, record] of (await records('attacked_float32.tfrecord')).entries()) {
      const { filename, height, width, label, float32_first6 } = GOLDEN.records[i]!;
      const read = await decodeImageRecord(record);
      expect([read.id, read.image.height, read.image.width, read.label]).toEqual([filename, height, width, label]);
      const first = [...read.image.data.subarray(0, float32_first6.length)];
      first.forEach((value, k) => expect(value).toBeCloseTo((float32_first6[k]! + 1) / 2, 6));
    }
    for (const [i, record] of (await records('preprocessed_uint8.tfrecord')).entries()) {
      expect(sha256((await decodeImageRecord(record)).image.data as Uint8Array)).toBe(GOLDEN.records[i]!.uint8_sha256);
    }
  });

  it('are written in the original’s form, byte for byte what it writes', async () => {
    for (const name of ['attacked_float32.tfrecord', 'preprocessed_uint8.tfrecord']) {
      for (const record of await records(name)) {
        const again = await encodeOriginalRecord(await decodeImageRecord(record));
        const [before, after] = [await decodeExample(record), await decodeExample(again)];
        expect(Object.keys(after).sort()).toEqual(Object.keys(before).sort());
        expect(again.length).toBe(record.length);
        const [x, y] = [before, after].map((features) => features['image/encoded']!.values[0] as Uint8Array);
        if (name.includes('uint8')) expect(sha256(y!)).toBe(sha256(x!));
        else {
          // (x + 1) / 2 drops the last bits of numbers near 0; what comes back is within float32's step at 1.
          const [a, b] = [x!, y!].map((bytes) => new Float32Array(Uint8Array.from(bytes).buffer));
          a!.forEach((value, i) => expect(Math.abs(value - b![i]!)).toBeLessThanOrEqual(2 ** -23));
        }
      }
    }
  });

  it('are held to the range that an import declares', async () => {
    const [floats] = await records('attacked_float32.tfrecord');
    const [bytes] = await records('preprocessed_uint8.tfrecord');
    const [jpeg] = await records('validation_jpeg.tfrecord');
    const first = async (record: Uint8Array, range: StoredRange) =>
      (await decodeImageRecord(record, undefined, range)).image.data[0]!;
    const stored = GOLDEN.records[0]!.float32_first6[0]!;
    expect(await first(floats!, 'auto')).toBeCloseTo((stored + 1) / 2, 6);
    expect(await first(floats!, '-1,1')).toBeCloseTo((stored + 1) / 2, 6);
    expect(await first(floats!, '0,1')).toBeCloseTo(stored, 6);
    expect(await first(floats!, '0,255')).toBeCloseTo(stored / 255, 6);
    expect(await first(bytes!, '0,255')).toBe(await first(bytes!, 'auto'));
    expect(await first(jpeg!, '0,255')).toBe(await first(jpeg!, 'auto'));
    await expect(first(bytes!, '-1,1')).rejects.toThrow('its uint8 samples are in 0,255 and not in -1,1');
    await expect(first(jpeg!, '0,1')).rejects.toThrow('an image file has no range of 0,1');
    const own = await encodeImageRecord({
      id: 'a',
      label: 0,
      image: { data: Float32Array.of(0, 0.5, 1), height: 1, width: 1 },
    });
    await expect(first(own, '-1,1')).rejects.toMatchObject({ code: 'RECORD_CORRUPT' });
  });

  it('that hold JPEG files are decoded', async () => {
    for (const [i, record] of (await records('validation_jpeg.tfrecord')).entries()) {
      const { id, image } = await decodeImageRecord(record);
      const { filename, height, width } = GOLDEN.records[i]!;
      expect([id, image.height, image.width]).toEqual([filename, height, width]);
      expect(image.data).toBeInstanceOf(Uint8Array);
    }
  });

  it.each([
    [{}, 'the record has no image/class/label'],
    [{ 'image/encoded': int(1) }, 'the record has no image/encoded'],
    [{ 'image/height': int(3) }, '12 bytes do not make 3×1×3 samples of float32'],
    [{ 'image/width': int(-1) }, '12 bytes do not make 1×-1×3 samples'],
    [{ 'image/range': text('0,65535') }, 'the range 0,65535 is not known'],
    [{ 'image/dtype': text('uint8') }, '12 bytes do not make 1×1×3 samples of uint8'],
    [{ 'image/class/label': text('7') }, 'the record has no image/class/label'],
  ])('with %o are refused', async (changes, reason) => {
    const good = {
      'image/filename': text('a'),
      'image/encoded': { kind: 'bytes', values: [new Uint8Array(12)] } as Feature,
      'image/height': int(1),
      'image/width': int(1),
      'image/class/label': int(0),
    };
    const features = Object.keys(changes).length > 0 ? { ...good, ...changes } : {};
    const reading = decodeImageRecord(await encodeExample(features), { path: 'x.tfrecord', offset: 42 });
    await expect(reading).rejects.toMatchObject({ code: 'RECORD_CORRUPT', params: { path: 'x.tfrecord', offset: 42 } });
    await expect(reading).rejects.toThrow(reason);
  });

  it('of any bytes are read or refused', async () => {
    const [good] = await records('preprocessed_uint8.tfrecord');
    const mutated = fc.array(fc.tuple(fc.nat(good!.length - 1), fc.nat(255)), { maxLength: 6 }).map((changes) => {
      const bytes = Uint8Array.from(good!);
      for (const [at, value] of changes) bytes[at] = value;
      return bytes;
    });
    await fc.assert(
      fc.asyncProperty(fc.oneof(mutated, fc.uint8Array({ maxLength: 80 })), async (bytes) => {
        const read = await decodeImageRecord(bytes).catch((error: unknown) => error);
        if (read instanceof Error)
          expect(read).toHaveProperty('code', expect.stringMatching(/^(RECORD|IMAGE)_CORRUPT$/));
      }),
      { numRuns: 200 },
    );
  });
});
