import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import protobuf from 'protobufjs/minimal.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ShieldError } from '../../errors/index.js';
import { Random } from '../../random/random.js';
import { mutated, MUTATIONS } from '../../testing/mutations.js';
import { sizeOf, type WeightMap } from '../weight-tensor.js';
import { openTensorFlowCheckpoint } from './checkpoint.js';
import { CHECKPOINTS, golden } from './testing/golden.js';
import { entriesOf, writeTable, type Entry } from './testing/write-table.js';

let folder: string;
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'shield-hostile-'))));
afterAll(() => rm(folder, { recursive: true }));

async function readAll(path: string): Promise<WeightMap> {
  const checkpoint = await openTensorFlowCheckpoint(path);
  try {
    return await checkpoint.read((name) => checkpoint.variables.find((each) => each.name === name)?.loadable ?? false);
  } finally {
    await checkpoint.close();
  }
}

/** The tensors, or the error, which must be a clear one. */
async function outcome(path: string): Promise<WeightMap | ShieldError> {
  try {
    return await readAll(path);
  } catch (error) {
    expect(error).toBeInstanceOf(ShieldError);
    const { code, message } = error as ShieldError;
    expect(code).toBe('WEIGHTS_INVALID');
    expect(message).toContain(folder);
    return error as ShieldError;
  }
}

describe.each(Object.entries(CHECKPOINTS))('%s, damaged', (what, { names, files }) => {
  it(`${MUTATIONS} times, gives the right answer or a clear error`, async () => {
    const right = await readAll(golden(names[0]));
    const originals = await Promise.all(files.map(async (name) => [name, await readFile(golden(name))] as const));
    let refused = 0;
    for (let i = 0; i < MUTATIONS; i++) {
      const random = new Random('hostile', what, i);
      const hit = i % files.length;
      for (const [k, [name, bytes]] of originals.entries()) {
        await writeFile(join(folder, name), k === hit ? mutated(bytes, random) : bytes);
      }
      const result = await outcome(join(folder, names[0]));
      if (result instanceof ShieldError) refused++;
      else expect(result).toEqual(right);
    }
    expect(refused).toBeGreaterThan(MUTATIONS / 2);
  });
});

describe.each(['v1_small.ckpt', 'v2_small.index'])('%s with right checksums over damaged entries', (name) => {
  it(`${MUTATIONS} times, gives tensors that fit their shapes or a clear error`, async () => {
    const entries = await entriesOf(golden(name));
    await copyFile(golden('v2_small.data-00000-of-00001'), join(folder, 'v2_small.data-00000-of-00001'));
    let refused = 0;
    for (let i = 0; i < MUTATIONS; i++) {
      const random = new Random('hostile entries', name, i);
      const hit = Math.floor(random.uniform() * entries.length);
      // Short messages, whose every byte matters, are hit more often than long rows of numbers.
      const damaged = entries.map(([key, value], k): Entry => {
        if (k !== hit) return [key, value];
        const head = mutated(value.subarray(0, 400), random);
        return [key, Buffer.concat([head, value.subarray(400)])];
      });
      await writeFile(join(folder, name), writeTable(damaged));
      const result = await outcome(join(folder, name));
      if (result instanceof ShieldError) refused++;
      else for (const { shape, data } of result.values()) expect(data.length).toBe(sizeOf(shape));
    }
    expect(refused).toBeGreaterThan(MUTATIONS / 4);
  });
});

describe('a hostile table', () => {
  const entries: Entry[] = [['', new Uint8Array(0)]];
  const snappyBomb = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x07, 0x00, 0x41);
  it.each([
    ['an index at 2^60', writeTable(entries, { footer: [2 ** 52, 2 ** 52] }), /would reach beyond its place at byte/],
    ['a block of 2^52 bytes', writeTable(entries, { index: [[0, 2 ** 52]] }), /beyond the data at byte/],
    ['a block named twice', writeTable(entries, { index: [[0, 8], [0, 8]] }), /out of order at byte/], // prettier-ignore
    [
      'a bomb',
      writeTable(entries, { block: snappyBomb, compression: 1 }),
      /7 compressed bytes claim to hold 2147483647/,
    ],
    ['unknown compression', writeTable(entries, { compression: 7 }), /unknown compression 7 at byte/],
    ['keys out of order', writeTable([...entries, ...entries]), /keys are out of order at byte/],
    ['restarts beyond the block', writeTable([], { block: Uint8Array.of(255, 255, 255, 255) }), /end of a block/],
    ['an entry beyond its block', writeTable([], { block: Uint8Array.of(0, 9, 9, 0, 0, 0, 0) }), /leaves its block/],
    ['no list of variables', writeTable([['a', new Uint8Array(3)]]), /no list of variables/],
  ])('with %s is refused', async (_, bytes, reason) => {
    const path = join(folder, 'table.ckpt');
    await writeFile(path, bytes);
    const result = await outcome(path);
    expect(result).toBeInstanceOf(ShieldError);
    expect((result as ShieldError).message).toMatch(reason);
  });
});

describe('a hostile V2 index', () => {
  const header = Uint8Array.of(0x08, 0x01);
  const entry = (fields: { offset?: number; size?: number; sides?: number[]; shard?: number }): Uint8Array => {
    const writer = protobuf.Writer.create().uint32(0x08).uint32(1).uint32(0x12).fork();
    for (const side of fields.sides ?? [1]) writer.uint32(0x12).fork().uint32(0x08).uint64(side).ldelim();
    writer
      .ldelim()
      .uint32(0x18)
      .uint32(fields.shard ?? 0);
    return writer
      .uint32(0x20)
      .uint64(fields.offset ?? 0)
      .uint32(0x28)
      .uint64(fields.size ?? 4)
      .finish();
  };
  it.each<[string, Entry[], RegExp]>([
    ['2^31 shards', [['', Uint8Array.of(0x08, 0xff, 0xff, 0xff, 0xff, 0x07)]], /it claims 2147483647 shards/],
    ['another byte order', [['', Uint8Array.of(0x08, 0x01, 0x10, 0x01)]], /big-endian/],
    ['no header', [['a', entry({})]], /its header is missing/],
    ['two variables in one place', [['', header], ['a', entry({})], ['b', entry({})]], /"b" overlaps another variable at byte 0/], // prettier-ignore
    ['2^50 bytes', [['', header], ['a', entry({ sides: [2 ** 48], size: 2 ** 50 })]], /would end beyond the file's \d+ at byte 0/], // prettier-ignore
    [
      'a shape that overflows',
      [
        ['', header],
        ['a', entry({ sides: [2 ** 40, 2 ** 40] })],
      ],
      /is impossible at byte/,
    ],
    [
      'a size that does not fit',
      [
        ['', header],
        ['a', entry({ sides: [3] })],
      ],
      /takes 4 bytes instead of 12 at byte 0/,
    ],
    [
      'a shard that is not there',
      [
        ['', header],
        ['a', entry({ shard: 5 })],
      ],
      /in shard 5 of 1/,
    ],
    [
      'a wrong checksum',
      [
        ['', header],
        ['a', entry({})],
      ],
      /the checksum of "a" is wrong at byte 0/,
    ],
  ])('with %s is refused', async (_, entries, reason) => {
    const data = 'v2_small.data-00000-of-00001';
    const prefix = join(folder, 'hostile');
    await copyFile(golden(data), `${prefix}.${data.slice(basename(data).indexOf('.') + 1)}`);
    await writeFile(`${prefix}.index`, writeTable(entries));
    const result = await outcome(prefix);
    expect(result).toBeInstanceOf(ShieldError);
    expect((result as ShieldError).message).toMatch(reason);
  });
});
