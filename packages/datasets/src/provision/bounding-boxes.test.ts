import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { Random } from '@shield/core';
import { mutated, MUTATIONS, tarBytes } from '@shield/core/testing';
import { describe, expect, it } from 'vitest';
import { readBoundingBoxes, type BoundingBox } from './bounding-boxes.js';
import { temporaryFolder } from './testing/raw-data.js';

const temporaryRoot = temporaryFolder();
const path = join(temporaryRoot, 'boxes.csv');

describe('readBoundingBoxes', () => {
  it('takes several boxes of an image, from several files', async () => {
    writeFileSync(path, 'a.JPEG,0.0060,0.2620,0.7545,0.9940\nb.JPEG,0,0,1,1\r\n\na.JPEG,0.5,0.5,1.0,1.0\n');
    const boxes = await readBoundingBoxes([path, path]);
    expect(boxes.get('a.JPEG')).toHaveLength(4);
    expect(boxes.get('a.JPEG')![0]).toEqual({ xmin: 0.006, ymin: 0.262, xmax: 0.7545, ymax: 0.994 });
    expect(boxes.get('b.JPEG')![1]).toEqual({ xmin: 0, ymin: 0, xmax: 1, ymax: 1 });
    expect(boxes.get('c.JPEG')).toBeUndefined();
  });

  it.each(['a.JPEG,1,2', 'a.JPEG,0,0,1,1.2', 'a.JPEG,0,0,1,', 'a.JPEG,0,0,1,x', 'a.JPEG,0,0,1,1,1', ',0,0,1,1'])(
    'refuses %s, naming the line',
    async (line) => {
      writeFileSync(path, `b.JPEG,0,0,1,1\n${line}\n`);
      await expect(readBoundingBoxes([path])).rejects.toMatchObject({
        code: 'DATASET_INVALID',
        message: expect.stringContaining(`${path}, line 2: "${line}" is no bounding box`) as string,
      });
    },
  );

  it('says where there is no file', async () => {
    await expect(readBoundingBoxes([`${path}.none`])).rejects.toMatchObject({ code: 'DATASET_INVALID' });
  });

  const annotation = (boxes: string, head = '') =>
    `<?xml version="1.0"?>${head}<annotation><folder>n01440764</folder><filename>%s</filename>
      <source><database>ImageNet database</database></source>
      <size><width>500</width><height>375</height><depth>3</depth></size><segmented>0</segmented>${boxes}</annotation>`;
  const object = (xmin: number | string, ymin: number, xmax: number, ymax: number) =>
    `<object><name>n01440764</name><pose>Unspecified</pose><bndbox><xmin>${xmin}</xmin><ymin>${ymin}</ymin>
      <xmax>${xmax}</xmax><ymax>${ymax}</ymax></bndbox></object>`;
  // As process_bounding_boxes.py computes and prints them.
  const TWO = annotation(object(13, 22, 493, 374) + object(600, 300, -5, 100) + object(40, 40, 40, 90));
  const BOXES = [
    { xmin: 0.026, ymin: 0.0587, xmax: 0.986, ymax: 0.9973 },
    { xmin: 0, ymin: 0.2667, xmax: 1, ymax: 0.8 },
  ];

  it('reads ImageNet’s XML: a folder, an archive, packed or not, one file, beside lines', async () => {
    const root = mkdtempSync(join(temporaryRoot, 'xml-'));
    const folder = join(root, 'Annotation', 'n01440764');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'n01440764_1.xml'), TWO);
    writeFileSync(join(folder, 'n01440764_2.xml'), annotation(''));
    writeFileSync(join(folder, '._n01440764_1.xml'), 'what a Mac leaves');
    const entries = [1, 2].map((i) => ({ path: `n01440764/n01440764_${i}.xml`, data: Buffer.from(i === 1 ? TWO : annotation('')) })); // prettier-ignore
    const tar = join(root, 'boxes.tar');
    writeFileSync(tar, tarBytes(entries));
    const packed = join(root, 'boxes.tar.gz');
    writeFileSync(packed, gzipSync(tarBytes(entries)));
    for (const from of [join(root, 'Annotation'), tar, packed, join(folder, 'n01440764_1.xml')]) {
      expect([...(await readBoundingBoxes([from]))], from).toEqual([['n01440764_1.JPEG', BOXES]]);
    }
    writeFileSync(path, 'n01440764_1.JPEG,0,0,1,1\n');
    expect((await readBoundingBoxes([packed, path])).get('n01440764_1.JPEG')).toHaveLength(3);
  });

  it.each([
    ['an entity of its own', annotation('', '<!DOCTYPE a [<!ENTITY x "1">]>'), /declares a document type/],
    ['an unknown entity', annotation(object('&x;', 1, 2, 2)), /undefined entity/i],
    ['no number', annotation(object('1e9', 1, 2, 2)), /"1e9" is no xmin/],
    ['no size', '<annotation></annotation>', /no width and height/],
    ['a corner too few', annotation('<object><bndbox><xmin>1</xmin></bndbox></object>'), /a box has no ymin/],
    ['great depth', '<a>'.repeat(1000), /16|17 deep/],
    ['an open end', annotation('').slice(0, -3), /unclosed|unexpected end/i],
    ['something else', 'Hello', /text data outside of root node/i],
  ])('refuses XML with %s, naming the file', async (_, xml, reason) => {
    const file = join(mkdtempSync(join(temporaryRoot, 'bad-')), 'n01440764_1.xml');
    writeFileSync(file, xml);
    const error = await readBoundingBoxes([file]).catch((caught: unknown) => caught as Error);
    expect(error).toMatchObject({ code: 'DATASET_INVALID' });
    expect((error as Error).message).toContain(file);
    expect((error as Error).message).toMatch(reason);
  });

  it(`reads ${MUTATIONS} damaged archives and annotations to boxes or a clear error`, async () => {
    const whole = tarBytes([{ path: 'n01440764/n01440764_1.xml', data: Buffer.from(TWO) }]);
    for (let i = 0; i < MUTATIONS; i++) {
      const random = new Random('hostile boxes', i);
      const place = join(temporaryRoot, i % 2 === 0 ? 'boxes.tar.gz' : 'n01440764_1.xml');
      const packed = i % 4 === 0 ? mutated(gzipSync(whole), random) : gzipSync(mutated(whole, random));
      writeFileSync(place, i % 2 === 0 ? packed : mutated(Buffer.from(TWO), random));
      const read = await readBoundingBoxes([place]).catch((error: unknown) => error);
      if (read instanceof Map) {
        for (const box of [...read.values()].flat() as BoundingBox[])
          expect(Object.values(box).every((corner) => corner >= 0 && corner <= 1)).toBe(true);
      } else expect(read).toHaveProperty('code', expect.stringMatching(/^(ARCHIVE_CORRUPT|DATASET_INVALID)$/));
    }
  });
});
