import { mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, describe, expect, test } from 'vitest';
import { shield } from './resident.js';
import { expectError, readLines, runsIn, temporaryFolder, type JsonResult } from './shield.js';

const runs = temporaryFolder();
const folder = temporaryFolder();

interface Row {
  readonly id: string;
  readonly dropped?: string;
  readonly clean?: { readonly top: readonly number[]; readonly p: number };
}

/** A spec over a folder of images; 32 px is the network's own size, so that nothing is resized. */
function spec(dataset: string): string {
  const path = join(folder, 'spec.yaml');
  writeFileSync(
    path,
    `name: images\nbackend: wasm\ndataset: { use: image_folder, ${dataset} }\nmodel: { use: small_cnn }\n` +
      'attack: { use: fgsm }\ndefense: { use: jpeg }\nexecution: { strip: 0 }\n',
  );
  return path;
}

/** Red, green and blue patterns that differ from pixel to pixel. */
function pattern(width = 32, height = 32): Buffer {
  return Buffer.from(Array.from({ length: width * height * 3 }, (_, i) => (i * 37 + (i % 3) * 80) % 256));
}

const raw = (pixels = pattern()) => sharp(pixels, { raw: { width: 32, height: 32, channels: 3 } });

function place(...parts: string[]): string {
  const path = join(folder, ...parts);
  mkdirSync(join(path, '..'), { recursive: true });
  return path;
}

describe('pictures of other kinds are turned to RGB', () => {
  beforeAll(async () => {
    await raw()
      .png()
      .toFile(place('kinds', '0', 'rgb.png'));
    await raw()
      .jpeg({ quality: 95 })
      .toFile(place('kinds', '0', 'jpeg.jpg'));
    await raw()
      .toColourspace('cmyk')
      .jpeg({ quality: 95 })
      .toFile(place('kinds', '0', 'cmyk.jpg'));
    await raw()
      .greyscale()
      .png()
      .toFile(place('kinds', '0', 'grey.png'));
    await raw()
      .ensureAlpha(1)
      .png()
      .toFile(place('kinds', '0', 'alpha.png'));
    await raw()
      .toColourspace('rgb16')
      .png()
      .toFile(place('kinds', '0', 'deep.png'));
    await raw()
      .png({ palette: true })
      .toFile(place('kinds', '0', 'palette.png'));
  });

  test('CMYK, grey, alpha, 16 bits, palette: each is read, none is left out', async () => {
    const { code, stdout, stderr } = await shield(['run', spec('path: kinds'), '--json'], { runs });
    expect(code, stderr).toBe(0);
    const { metrics, path } = JSON.parse(stdout) as JsonResult;
    expect(metrics['images']).toBe(7);
    expect(metrics['dropped']).toBe(0);
    const rows = new Map(readLines<Row>(join(path, 'per-image.jsonl')).map((row) => [row.id, row.clean!]));
    // The same pixels in another container give the same prediction.
    for (const same of ['alpha', 'deep']) expect(rows.get(same)!.p).toBeCloseTo(rows.get('rgb')!.p, 2);
  });
});

describe('pictures that cannot be read', () => {
  beforeAll(async () => {
    await raw()
      .png()
      .toFile(place('broken', '0', 'sound.png'));
    await raw()
      .png()
      .toFile(place('broken', '0', 'cut.png'));
    const cut = place('broken', '0', 'cut.png');
    truncateSync(cut, Math.floor(readFileSync(cut).length / 2));
    await raw()
      .jpeg()
      .toFile(place('broken', '1', 'short.jpg'));
    const short = place('broken', '1', 'short.jpg');
    truncateSync(short, Math.floor(readFileSync(short).length / 2));
    writeFileSync(place('broken', '1', 'text.jpg'), 'no picture');
    writeFileSync(place('broken', '1', 'empty.png'), '');
  });

  test('fail the run, which names the file and the way round it', async () => {
    const outcome = await shield(['run', spec('path: broken')], { runs });
    expectError(outcome, 1, 'IMAGE_CORRUPT');
    expect(outcome.stderr).toContain('on_corrupt: skip');
    expect(outcome.stderr).toContain(join(folder, 'broken'));
    expect(readFileSync(join(runsIn(runs).at(-1)!, 'journal.jsonl'), 'utf8')).toContain('"FAILED"');
  });

  test('where the spec says so they are left out, counted and named', async () => {
    const path = spec('path: broken, on_corrupt: skip');
    const { code, stdout, stderr } = await shield(['run', path], { runs });
    expect(code, stderr).toBe(0);
    expect(stdout).toContain('1 image\n');
    expect(stdout).toContain('4 left out: ');
    const run = runsIn(runs).at(-1)!;
    const dropped = readLines<Row>(join(run, 'per-image.jsonl')).filter((row) => row.dropped !== undefined);
    expect(dropped.map(({ id }) => id).sort()).toEqual(['cut', 'empty', 'short', 'text']);
    for (const { id } of dropped) {
      expect(stdout).toContain(id);
      expect(stderr).toContain(id);
    }
    expect(JSON.parse(readFileSync(join(run, 'metrics.json'), 'utf8'))).toMatchObject({ images: 1, dropped: 4 });
  });

  test('all of them: no dataset is left', async () => {
    writeFileSync(place('hopeless', '0', 'text.png'), 'no picture');
    const outcome = await shield(['run', spec('path: hopeless, on_corrupt: skip')], { runs });
    expectError(outcome, 1, 'DATASET_EMPTY');
  });
});

describe('a dataset that is not what the spec says', () => {
  test('an empty folder, a missing one, a file, too much skipped', async () => {
    mkdirSync(place('void', '0'), { recursive: true });
    expectError(await shield(['run', spec('path: void')], { runs }), 1, 'DATASET_EMPTY');
    expectError(await shield(['run', spec('path: nowhere')], { runs }), 1, 'DATASET_MISSING');
    writeFileSync(place('file'), '');
    expectError(await shield(['run', spec('path: file')], { runs }), 1, 'DATASET_');
    await raw()
      .png()
      .toFile(place('one', '0', 'a.png'));
    expectError(await shield(['run', spec('path: one, skip: 5')], { runs }), 1, 'DATASET_EMPTY');
  });

  test('labels out of range, and labels that are none', async () => {
    await raw().png().toFile(place('listed', 'a.png'));
    const list = (rows: string) => writeFileSync(place('listed', 'list.csv'), `image,label\n${rows}`);
    list('a.png,10\n');
    const high = await shield(['run', spec('path: listed, csv: list.csv')], { runs });
    expectError(high, 1, 'LABEL_OUT_OF_RANGE');
    expect(high.stderr).toContain('0…9');
    expectError(
      await shield(['run', spec('path: listed, csv: list.csv, label_offset: -11')], { runs }),
      1,
      'LABEL_OUT_OF_RANGE',
    );
    list('a.png,tabby\n');
    const unknown = await shield(['run', spec('path: listed, csv: list.csv, classes: [siamese, persian]')], { runs });
    expectError(unknown, 1, 'DATASET_INVALID');
    expect(unknown.stderr).toContain('tabby');
    list('b.png,1\n');
    const gone = await shield(['run', spec('path: listed, csv: list.csv')], { runs });
    expectError(gone, 1, 'IMAGE_CORRUPT');
    expect(gone.stderr).toContain('b.png');
  });
});
