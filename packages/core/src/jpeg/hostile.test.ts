import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { decodeImage } from '../images/decode.js';
import { Random } from '../random/random.js';
import { mutated, MUTATIONS } from '../testing/mutations.js';
import { tensorflowDecoder } from '../testing/tensorflow-decoder.js';
import { CUT_OFF, NO_CODE, TOO_LONG } from './block-decoder.js';
import { decodeJpeg, plainMemory, referencePixels } from './decode-jpeg.js';
import { readJpeg } from './read-jpeg.js';
import { decodedFiles } from './testing/decoded.js';

/** Files of every kind, at their larger sizes. */
const files = decodedFiles().filter(({ height, width }) => height * width > 200);
const named = (name: string) => files.find((file) => file.name === name)!.file;

/** The size of the image, or the error, which must be a clear one that names the image and the file. */
async function decoded(bytes: Uint8Array): Promise<number | string> {
  try {
    const { data, height, width } = await decodeImage(bytes, 'n01_7', '/photos/n01_7.JPEG', 'ifast');
    expect(data.length).toBe(height * width * 3);
    return height * width;
  } catch (error) {
    expect(error).toMatchObject({ code: 'IMAGE_CORRUPT', params: { id: 'n01_7', path: '/photos/n01_7.JPEG' } });
    return (error as Error).message;
  }
}

describe('a JPEG file, damaged', () => {
  it(`${MUTATIONS} times for each kind, gives an image or IMAGE_CORRUPT`, { timeout: 600_000 }, async () => {
    let refused = 0;
    for (const { name, file } of files) {
      for (let i = 0; i < MUTATIONS; i++) {
        const result = await decoded(mutated(file, new Random('hostile jpeg', name, i)));
        if (typeof result === 'string') refused++;
      }
    }
    expect(refused).toBeGreaterThan((files.length * MUTATIONS) / 4);
  });

  it('is taken or refused for the same reason with the kernel as without', { timeout: 600_000 }, () => {
    const outcome = (decode: () => Uint8Array): string => {
      try {
        return createHash('sha256').update(decode()).digest('hex');
      } catch (error) {
        return (error as Error).message;
      }
    };
    const outcomes = new Set<string>();
    for (const { name, file } of files) {
      for (let i = 0; i < MUTATIONS / 2; i++) {
        const bytes = Buffer.from(mutated(file, new Random('hostile jpeg', name, i)));
        const found = outcome(() => decodeJpeg(bytes, 'ifast', 1e6).data);
        const expected = outcome(() => referencePixels(readJpeg(bytes, 1e6, plainMemory), 'ifast'));
        expect([name, i, found]).toEqual([name, i, expected]);
        outcomes.add(found);
      }
    }
    for (const fault of [CUT_OFF, NO_CODE, TOO_LONG]) expect(outcomes).toContain(fault);
  });

  it.each(['4:2:0 baseline restarts', '4:2:2 progressive', 'YCCK', '4:2:0, each component a scan'])(
    'is refused wherever it is cut off: %s',
    async (name) => {
      const file = named(name);
      for (let length = 1; length < file.length; length++)
        expect([length, await decoded(file.subarray(0, length))]).toEqual([length, expect.any(String)]);
    },
  );

  it('is refused with restart markers out of order or out of place', async () => {
    const restarting = Buffer.from(named('4:2:0 baseline restarts'));
    restarting[restarting.indexOf(Buffer.of(0xff, 0xd0)) + 1] = 0xd3;
    expect(await decoded(restarting)).toMatch(/the restart marker at byte \d+ is out of order/);
    const plain = named('4:2:0 baseline');
    const scan = plain.indexOf(Buffer.of(0xff, 0xda)) + 14;
    const marked = Buffer.concat([plain.subarray(0, scan), Buffer.of(0xff, 0xd0), plain.subarray(scan)]);
    expect(await decoded(marked)).toMatch(/the restart marker at byte \d+ is out of place/);
  });

  it.each([
    ['a frame of another kind', 0xc3, /neither baseline nor progressive/],
    ['arithmetic codes', 0xc9, /neither baseline nor progressive/],
  ])('is refused with %s', async (_, marker, reason) => {
    const file = Buffer.from(named('4:2:0 baseline'));
    file[file.indexOf(Buffer.of(0xff, 0xc0)) + 1] = marker;
    expect(await decoded(file)).toMatch(reason);
  });
});

const byTensorflow = await tensorflowDecoder();

it.skipIf(!byTensorflow)(
  'is refused where TensorFlow refuses it, and else has its pixels or is refused (skipped without the native backend)',
  { timeout: 600_000 },
  async () => {
    let same = 0;
    for (const { name, file } of files) {
      for (let i = 0; i < MUTATIONS / 4; i++) {
        const bytes = mutated(file, new Random('hostile jpeg', name, i));
        const found = await decodeImage(bytes, name, name, 'ifast').catch(() => undefined);
        if (!found) continue;
        const expected = await byTensorflow!(bytes, '').catch((error: Error) => error.message);
        expect([name, i, Buffer.compare(found.data, expected as Uint8Array)]).toEqual([name, i, 0]);
        same++;
      }
    }
    expect(same).toBeGreaterThan(files.length);
  },
);

describe('a JPEG file that claims much', () => {
  /** The frame of a file, another size written into it. */
  const sized = (name: string, height: number, width: number) => {
    const file = Buffer.from(named(name));
    const frame = Math.max(file.indexOf(Buffer.of(0xff, 0xc0)), file.indexOf(Buffer.of(0xff, 0xc2)));
    file.writeUInt16BE(height, frame + 5);
    file.writeUInt16BE(width, frame + 7);
    return file;
  };

  it.each(['4:2:0 baseline', '4:4:4 progressive'])(
    'takes no memory for pixels that it cannot have: %s',
    async (name) => {
      const before = process.memoryUsage().rss;
      expect(await decoded(sized(name, 65_000, 65_000))).toMatch(/larger than 100 million pixels/);
      expect(await decoded(sized(name, 9_999, 9_999))).toMatch(/its data end before the image does/);
      expect(process.memoryUsage().rss - before).toBeLessThan(100e6);
    },
  );

  it('is held to 100 scans', async () => {
    const file = named('4:4:4 progressive');
    let end = file.indexOf(Buffer.of(0xff, 0xda)) + 14;
    while (file[end] !== 0xff || file[end + 1] === 0) end++;
    // A code of one bit, which says that a block has nothing; then each coefficient of each component on its own.
    const table = Buffer.of(0xff, 0xc4, 0, 20, 0x10, 1, ...Array<number>(15).fill(0), 0);
    const scans = Array.from({ length: 189 }, (_, i) => {
      const k = 1 + (i % 63);
      return Buffer.of(0xff, 0xda, 0, 8, 1, 1 + Math.floor(i / 63), 0, k, k, 0, ...Array<number>(10).fill(0));
    });
    const many = (count: number) =>
      Buffer.concat([file.subarray(0, end), table, ...scans.slice(0, count), Buffer.of(0xff, 0xd9)]);
    expect(await decoded(many(99))).toMatch(/scans of it are missing/);
    expect(await decoded(many(100))).toMatch(/more than 100 scans/);
  });

  it('in bytes that never end a code, ends all the same', () => {
    const file = named('4:2:0 progressive');
    const start = file.indexOf(Buffer.of(0xff, 0xda)) + 14;
    for (const byte of [0x00, 0x55, 0xfe]) {
      const filled = Buffer.concat([file.subarray(0, start), Buffer.alloc(100_000, byte), Buffer.of(0xff, 0xd9)]);
      expect(() => decodeJpeg(filled, 'ifast')).toThrow();
    }
  });
});
