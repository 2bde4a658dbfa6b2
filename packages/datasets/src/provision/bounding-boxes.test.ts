import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readBoundingBoxes } from './bounding-boxes.js';
import { temporaryFolder } from './testing/raw-data.js';

const path = join(temporaryFolder(), 'boxes.csv');

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
});
