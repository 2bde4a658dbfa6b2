import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeExample, readRecords, type Features } from '@shield/core';
import { projectRoot, sharedPath, tarBytes } from '@shield/core/testing';
import sharp from 'sharp';
import { afterAll } from 'vitest';

/** A folder that goes when the tests of the file are over. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'shield-provision-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A JPEG of one colour that `seed` chooses. */
export async function drawnJpeg(seed: number, width = 24, height = 16): Promise<Buffer> {
  const background = { r: (seed * 37) % 256, g: (seed * 91) % 256, b: (seed * 13) % 256 };
  return sharp({ create: { width, height, channels: 3, background } })
    .jpeg()
    .toBuffer();
}

/** Photos by wnid: of the optional test data where they are there, else drawn. */
export async function photosByClass(classes: number, each: number): Promise<ReadonlyMap<string, readonly Buffer[]>> {
  const folder = sharedPath('data/imagenette/train');
  const wnids = ['n03888257', 'n01440764', 'n02102040', 'n03394916', 'n02979186', 'n03000684'].slice(0, classes);
  const photos = new Map<string, readonly Buffer[]>();
  for (const [k, wnid] of wnids.entries()) {
    const files = folder ? readdirSync(join(folder, wnid)).sort().slice(0, each) : [];
    const read = files.map((name) => readFileSync(join(folder!, wnid, name)));
    const drawn = Array.from({ length: each - read.length }, (_, i) => drawnJpeg(k * each + i));
    photos.set(wnid, [...read, ...(await Promise.all(drawn))]);
  }
  return photos;
}

export interface RawData {
  /** wnid of each validation image, in the order of their numbers. */
  readonly truth: readonly string[];
  /** Content of every image by name. */
  readonly files: ReadonlyMap<string, Buffer>;
}

export const validationName = (number: number) => `ILSVRC2012_val_${String(number).padStart(8, '0')}.JPEG`;

/** Writes ILSVRC2012_img_val.tar, ILSVRC2012_img_train.tar and the development kit as they are published, small. */
export async function writeRawData(folder: string, { classes = 3, each = 4 } = {}): Promise<RawData> {
  const photos = await photosByClass(classes, each);
  const files = new Map<string, Buffer>();
  const truth: string[] = [];
  const trains = [...photos].map(([wnid, images]) => {
    const entries = images.map((data, i) => ({ path: `${wnid}_${i * 7 + 3}.JPEG`, data }));
    for (const { path, data } of entries) files.set(path, data);
    return { path: `${wnid}.tar`, data: tarBytes(entries) };
  });
  writeFileSync(join(folder, 'ILSVRC2012_img_train.tar'), tarBytes(trains));
  const validation = [];
  for (let i = 0; i < classes * 2; i++) {
    const wnid = [...photos.keys()][(i * 5 + 1) % classes]!;
    const [path, data] = [validationName(i + 1), photos.get(wnid)![i % each]!];
    validation.push({ path, data });
    truth.push(wnid);
    files.set(path, data);
  }
  writeFileSync(join(folder, 'ILSVRC2012_img_val.tar'), tarBytes(validation));
  const kit = [...KIT_IDS.keys()];
  const lines = truth.map((wnid) => `${kit.indexOf(wnid) + 1}\n`).join('');
  writeFileSync(join(folder, 'ILSVRC2012_devkit_t12.tar.gz'), gzipSync(devkit(lines)));
  return { truth, files };
}

/** The kit's classes in the order of its own ids, as bench/record/devkit_meta.py has them. */
const KIT_IDS = new Map(
  ['n03888257', 'n01440764', 'n02102040', 'n03394916', 'n02979186', 'n03000684'].map((wnid, i) => [wnid, i + 1]),
);

export const goldenMeta = (name = 'meta.mat') =>
  readFileSync(join(projectRoot(), 'packages/datasets/src/provision/testing/golden', name));

export function devkit(truth: string, meta = goldenMeta()): Buffer {
  return tarBytes([
    { path: 'ILSVRC2012_devkit_t12/', type: '5' },
    { path: 'ILSVRC2012_devkit_t12/readme.txt', data: Buffer.from('a kit') },
    { path: 'ILSVRC2012_devkit_t12/data/meta.mat', data: meta },
    { path: 'ILSVRC2012_devkit_t12/data/ILSVRC2012_validation_ground_truth.txt', data: Buffer.from(truth) },
  ]);
}

/** The records of TFRecord files, in order. */
export async function recordsOf(paths: readonly string[]): Promise<Features[]> {
  const records: Features[] = [];
  for (const path of paths) for await (const record of readRecords(path)) records.push(await decodeExample(record));
  return records;
}

/** A feature's first value as text or number. */
export function valueOf(features: Features, key: string): string | number | undefined {
  const [value] = features[key]?.values ?? [];
  return typeof value === 'object' ? Buffer.from(value).toString('latin1') : value;
}
