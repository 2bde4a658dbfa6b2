import { mkdtempSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ShieldError } from '@shield/core';
import { MUTATIONS, tarBytes } from '@shield/core/testing';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { imagesOfFolder } from './raw-folders.js';
import { imagesOfTrainTar, imagesOfValidationTar } from './raw-tars.js';
import { imagesOfShard, planShards } from './shard-plan.js';
import { drawnJpeg, recordsOf, temporaryFolder, validationName, valueOf, writeRawData } from './testing/raw-data.js';
import { SourceFiles, writeShard } from './write-shard.js';

const root = temporaryFolder();
const { signal } = new AbortController();
const numbers = new Map([['n01440764', 1], ['n02102040', 218], ['n03888257', 702]]); // prettier-ignore

/** One shard of all images of a tar of either kind, made without a process of its own. */
async function provision(kind: 'train' | 'validation', tar: string, output: string): Promise<string> {
  const found = kind === 'train' ? await imagesOfTrainTar(tar, signal) : await imagesOfValidationTar(tar, signal);
  const plan = planShards(
    kind,
    found.labelled(() => 'n01440764'),
    1,
    numbers,
  );
  const sources = new SourceFiles();
  const path = join(output, 'shard');
  try {
    await writeShard({ path, images: imagesOfShard(plan, 0) }, sources);
  } finally {
    await sources.close();
  }
  return path;
}

describe('writeShard', () => {
  it('writes what the archives hold, in the order of the plan', async () => {
    const raw = mkdtempSync(join(root, 'raw-'));
    const { files } = await writeRawData(raw);
    for (const [kind, name, count] of [
      ['train', 'ILSVRC2012_img_train.tar', 12],
      ['validation', 'ILSVRC2012_img_val.tar', 6],
    ] as const) {
      // prettier-ignore
      const records = await recordsOf([await provision(kind, join(raw, name), raw)]);
      expect(records).toHaveLength(count);
      for (const record of records) {
        const name = valueOf(record, 'image/filename') as string;
        expect(Buffer.from(record['image/encoded']!.values[0] as Uint8Array)).toEqual(files.get(name));
        if (kind === 'train') expect(name.startsWith(valueOf(record, 'image/class/synset') as string)).toBe(true);
      }
    }
  });

  it('takes folders that the archives were unpacked to, one deep', async () => {
    const folder = mkdtempSync(join(root, 'unpacked-'));
    const { mkdirSync, symlinkSync } = await import('node:fs');
    mkdirSync(join(folder, 'n01440764'));
    const jpeg = await drawnJpeg(1);
    writeFileSync(join(folder, 'n01440764', 'n01440764_1.JPEG'), jpeg);
    writeFileSync(join(folder, 'n01440764', '.hidden.JPEG'), jpeg);
    symlinkSync('..', join(folder, 'n01440764', 'round')); // a circle
    symlinkSync('.', join(folder, 'n02102040'));
    const images = await imagesOfFolder(folder);
    expect(Array.from(images, ({ name, wnid, size }) => [name, wnid, size])).toEqual([['n01440764_1.JPEG', 'n01440764', jpeg.length]]); // prettier-ignore
  });

  it('leaves no file where an image cannot be read, and names archive and byte', async () => {
    const output = mkdtempSync(join(root, 'bad-'));
    const tar = join(output, 'val.tar');
    const jpeg = await drawnJpeg(1);
    const cut = jpeg.subarray(0, jpeg.length - 40);
    writeFileSync(tar, tarBytes([{ path: validationName(1), data: jpeg }, { path: validationName(2), data: cut }])); // prettier-ignore
    const offset = 512 + Math.ceil(jpeg.length / 512) * 512 + 512;
    await expect(provision('validation', tar, output)).rejects.toMatchObject({
      code: 'IMAGE_CORRUPT',
      params: { id: validationName(2), path: `${tar} at byte ${offset}` },
    });
    expect(readdirSync(output)).toEqual(['val.tar']);
  });

  it.each(['a tar of tars in a class', 'an empty image', 'a file that is no wnid'])(
    'refuses or passes over %s',
    async (what) => {
      const output = mkdtempSync(join(root, 'odd-'));
      const tar = join(output, 'train.tar');
      const good = { path: 'n01440764_1.JPEG', data: await drawnJpeg(1) };
      if (what === 'an empty image') {
        writeFileSync(tar, tarBytes([{ path: 'n01440764.tar', data: tarBytes([good, { path: 'n01440764_2.JPEG' }]) }]));
        await expect(provision('train', tar, output)).rejects.toThrow('n01440764_2.JPEG is empty at byte');
      } else if (what === 'a file that is no wnid') {
        writeFileSync(tar, tarBytes([{ path: 'tench.tar', data: tarBytes([good]) }]));
        await expect(provision('train', tar, output)).rejects.toThrow('tench.tar is not named by a wnid');
      } else {
        // Archives in archives in archives are not looked into.
        const inner = tarBytes([good, { path: 'n01440764.tar', data: tarBytes([good]) }]);
        writeFileSync(tar, tarBytes([{ path: 'n01440764.tar', data: inner }]));
        expect(await recordsOf([await provision('train', tar, output)])).toHaveLength(1);
      }
    },
  );
});

describe('damaged and hostile archives', () => {
  const folder = temporaryFolder();
  const wholes = new Map<'train' | 'validation', Buffer>();
  let jpegs: readonly string[];
  beforeAll(async () => {
    const images = await Promise.all([1, 2, 3].map((seed) => drawnJpeg(seed)));
    jpegs = images.map((jpeg) => jpeg.toString('latin1'));
    const [a, b, c] = images as [Buffer, Buffer, Buffer];
    wholes.set('validation', tarBytes([a, b, c].map((data, i) => ({ path: validationName(i + 1), data }))));
    const classes = [
      { path: 'n01440764.tar', data: tarBytes([{ path: 'n01440764_1.JPEG', data: a }, { path: 'n01440764_2.JPEG', data: b }]) }, // prettier-ignore
      { path: 'n02102040.tar', data: tarBytes([{ path: 'n02102040_1.JPEG', data: c }]) },
    ];
    wholes.set('train', tarBytes(classes));
  });

  it(
    `end ${MUTATIONS} times in an error that names file and byte, or in what the archive holds`,
    { timeout: 600_000 },
    async () => {
      const damage = fc.oneof(
        fc.record({ at: fc.nat(), value: fc.nat(255) }),
        fc.record({ flip: fc.nat() }),
        fc.record({ cut: fc.nat() }),
        fc.record({ insert: fc.nat(), bytes: fc.uint8Array({ minLength: 1, maxLength: 600 }) }),
        fc.record({ drop: fc.nat(), length: fc.integer({ min: 1, max: 1024 }) }),
        fc.record({ swap: fc.nat(), with: fc.nat() }),
      );
      let sound = 0;
      await fc.assert(
        fc.asyncProperty(
          fc.constantFrom('train', 'validation'),
          fc.array(damage, { minLength: 1, maxLength: 3 }),
          async (kind, damages) => {
            // prettier-ignore
            const bytes = damages.reduce<Buffer>((now, one) => damaged(now, one), Buffer.from(wholes.get(kind)!));
            const place = mkdtempSync(join(folder, 'm-'));
            const tar = join(place, 'a.tar');
            writeFileSync(tar, bytes);
            try {
              const records = await recordsOf([await provision(kind, tar, place)]);
              sound++;
              for (const record of records) {
                const jpeg = Buffer.from(record['image/encoded']!.values[0] as Uint8Array).toString('latin1');
                // Bytes that were changed, and still are an image, stand in the archive so: nothing says otherwise.
                expect(jpegs.includes(jpeg) || bytes.toString('latin1').includes(jpeg)).toBe(true);
              }
              expect(readdirSync(place).sort()).toEqual(['a.tar', 'shard']);
            } catch (error) {
              if (!(error instanceof ShieldError)) throw error;
              expect(['ARCHIVE_CORRUPT', 'IMAGE_CORRUPT', 'DATASET_INVALID']).toContain(error.code);
              expect(error.message + error.fix).toContain(tar);
              expect(error.message + error.fix).toMatch(/at byte \d+|two \w+ images are named/);
              expect(readdirSync(place)).toEqual(['a.tar']);
            }
          },
        ),
        { numRuns: MUTATIONS },
      );
      expect(sound).toBeGreaterThan(0);
      // Nothing was written beside the folders that were named.
      expect(readdirSync(folder).every((name) => name.startsWith('m-'))).toBe(true);
      expect(readFileSync(join(folder, readdirSync(folder)[0]!, 'a.tar')).length).toBeGreaterThanOrEqual(0);
    },
  );
});

type Damage =
  | { at: number; value: number }
  | { flip: number }
  | { cut: number }
  | { insert: number; bytes: Uint8Array }
  | { drop: number; length: number }
  | { swap: number; with: number };

function damaged(bytes: Buffer, damage: Damage): Buffer {
  const within = (at: number) => (bytes.length === 0 ? 0 : at % bytes.length);
  if ('cut' in damage) return bytes.subarray(0, within(damage.cut));
  if ('insert' in damage) {
    const at = within(damage.insert);
    return Buffer.concat([bytes.subarray(0, at), damage.bytes, bytes.subarray(at)]);
  }
  if ('drop' in damage) {
    const at = within(damage.drop);
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + damage.length)]);
  }
  if (bytes.length === 0) return bytes;
  if ('swap' in damage) {
    // Whole blocks change places, their checksums with them.
    const [a, b] = [damage.swap, damage.with].map((at) => Math.floor(within(at) / 512) * 512) as [number, number];
    const first = Buffer.from(bytes.subarray(a, a + 512));
    bytes.copyWithin(a, b, b + 512);
    first.copy(bytes, b);
  } else if ('flip' in damage) bytes[within(damage.flip)]! ^= 1 << (damage.flip % 8);
  else bytes[within(damage.at)] = damage.value;
  return bytes;
}
