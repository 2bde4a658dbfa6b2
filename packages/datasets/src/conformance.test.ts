import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeImageRecord, writeRecords, type DatasetPlugin } from '@shield/core';
import { datasetConformance } from '@shield/core/testing';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, test } from 'vitest';
import drawn from './drawn.js';
import imageFolder from './image-folder.js';
import imagenet from './imagenet.js';
import nips2017 from './nips2017.js';
import tfrecord from './tfrecord.js';

const root = mkdtempSync(join(tmpdir(), 'shield-datasets-'));
afterAll(() => rmSync(root, { recursive: true }));

/** Names and labels of the images in each of the data sets made here: labels from 1, as the published ones have them. */
const IMAGES = [
  ['one', 1],
  ['two', 2],
  ['three', 1],
  ['four', 3],
] as const;

beforeAll(async () => {
  const records = IMAGES.map(([id, label], i) => {
    const data = Uint8Array.from({ length: 5 * 4 * 3 }, (_, k) => 40 * i + k);
    return encodeImageRecord({ id, label, image: { data, height: 5, width: 4 } });
  });
  mkdirSync(join(root, 'validation'));
  await writeRecords(join(root, 'validation/validation-00000-of-00001'), records);
  mkdirSync(join(root, 'images'));
  for (const [i, [name, label]] of IMAGES.entries()) {
    const grey = 60 * i;
    const create = { width: 4, height: 5, channels: 3, background: { r: grey, g: 10, b: 20 } } as const;
    mkdirSync(join(root, 'folders', `class-${label}`), { recursive: true });
    for (const place of [`images/${name}.png`, `folders/class-${label}/${name}.png`])
      await sharp({ create }).toFile(join(root, place));
  }
  const rows = IMAGES.map(([name, label]) => `${name},${label},${label + 1}`);
  writeFileSync(join(root, 'images.csv'), ['ImageId,TrueLabel,TargetClass', ...rows, ''].join('\n'));
});

const sets: readonly (readonly [DatasetPlugin, Record<string, unknown>])[] = [
  [drawn, { count: 12, size: 8 }],
  [tfrecord, { path: join(root, 'validation') }],
  [imagenet, { path: root }],
  [imageFolder, { path: join(root, 'folders') }],
  [
    imageFolder,
    {
      path: root,
      csv: 'images.csv',
      images: 'images',
      image_column: 'ImageId',
      label_column: 'TrueLabel',
      extension: '.png',
    },
  ],
  [nips2017, { path: root }],
];

for (const [plugin, options] of sets) {
  describe(`${plugin.name} conforms${options['csv'] ? ' (csv)' : ''}`, () => {
    for (const { name, run } of datasetConformance(plugin as DatasetPlugin, { options })) test(name, run);
  });
}
