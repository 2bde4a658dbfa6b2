import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeImageRecord, openBackend, readRecords } from '@shield/core';
import { nativeForTests, projectRoot } from '@shield/core/testing';
import { openPromise } from 'yauzl';
import { beforeAll, describe, expect, test } from 'vitest';
import { expectError, shield, SMOKE, temporaryFolder, type JsonResult } from './shield.js';
import { readByTensorFlow } from './tensorflow-records.js';

const runs = temporaryFolder();
const out = join(runs, 'exported');
const native = await nativeForTests();
const golden = (name: string) => join(projectRoot(), 'packages/core/src/records/testing/golden', name);
const python = [process.env['SHIELD_TEST_TENSORFLOW'], 'python3'].find(
  (each) =>
    each !== undefined &&
    spawnSync(each, ['-c', 'import importlib.util,sys; sys.exit(not importlib.util.find_spec("tensorflow"))'])
      .status === 0,
);

const COUNT = 6;
const RUN = [SMOKE, '~attacks.cw_l2', '~defenses.slq', '~defenses.round8', `dataset.limit=${COUNT}`, 'batch=4', 'evaluate.top=[1,5]', 'execution.strip=0']; // prettier-ignore

/** The numbers of an array in an .npz (float64 or float32), or its strings. */
async function npzArray(path: string, name: string): Promise<{ shape: number[]; values: (number | string)[] }> {
  const zip = await openPromise(path, { lazyEntries: true });
  for await (const entry of zip.eachEntry()) {
    if (entry.fileName !== `${name}.npy`) continue;
    const stream = await zip.openReadStreamPromise(entry);
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(chunk as Buffer);
    const bytes = Buffer.concat(chunks);
    const start = 10 + bytes.readUInt16LE(8);
    const head = bytes.toString('latin1', 10, start);
    const shape = /\(([^)]*)\)/.exec(head)![1]!.split(',').filter((size) => size.trim()).map(Number); // prettier-ignore
    const [, kind, size] = /'<(f|U)(\d+)'/.exec(head)!;
    const width = kind === 'U' ? Number(size) * 4 : Number(size);
    const values = Array.from({ length: (bytes.length - start) / width }, (_, i) => {
      const at = start + i * width;
      if (kind === 'f') return size === '8' ? bytes.readDoubleLE(at) : bytes.readFloatLE(at);
      return Array.from({ length: Number(size) }, (_, k) => bytes.readUInt32LE(at + 4 * k)).filter(Boolean).map((code) => String.fromCodePoint(code)).join(''); // prettier-ignore
    });
    return { shape, values };
  }
  throw new Error(`${path} has no ${name}`);
}

const floatsIn = async (path: string) => {
  const images = [];
  for await (const record of readRecords(path)) images.push(await decodeImageRecord(record));
  return images;
};

describe('shield data export --original', () => {
  let metrics: JsonResult['metrics'];
  let run: string;
  let attacked: string;
  beforeAll(async () => {
    // Images of the defense are left by the defend stage alone; the evaluation comes in the same artifacts' run.
    const first = await shield(['run', ...RUN, '--perform', 'attack,defend', '--quiet'], { runs });
    expect(first.code, first.stderr).toBe(0);
    const whole = await shield(['data', 'export', 'latest', '--original', '-o', join(out, 'defended')], { runs });
    expect(whole.code, whole.stderr).toBe(0);
    const second = await shield(['run', ...RUN, '--json'], { runs });
    expect(second.code, second.stderr).toBe(0);
    ({ metrics, run } = JSON.parse(second.stdout) as JsonResult);
    const exported = await shield(['data', 'export', 'latest', '--original', '-o', join(out, 'all')], { runs });
    expect(exported.code, exported.stderr).toBe(0);
    expect(exported.stdout).toContain(`  fgsm/attacked.tfrecord  ${COUNT}\n`);
    const artifact = readdirSync(join(runs, 'artifacts')).find((name) => name.startsWith('attacked-') && !name.endsWith('.lock'))!; // prettier-ignore
    attacked = join(runs, 'artifacts', artifact);
  });

  test('leaves the original’s files: images, ids, predictions, accuracies, distances', async () => {
    const folder = join(out, 'all');
    expect(readdirSync(folder).sort()).toEqual(['clean', 'fgsm']);
    expect(readdirSync(join(folder, 'fgsm')).sort()).toEqual(['accuracy.npz', 'attacked.tfrecord', 'jpeg', 'normalized_l2_distance.npz', 'top5_accuracy.npz']); // prettier-ignore
    for (const [place, key] of [
      ['clean', 'clean'],
      ['clean/jpeg', 'clean_defended/jpeg'],
      ['fgsm', 'attacked/fgsm/float'],
      ['fgsm/jpeg', 'defended/fgsm/jpeg'],
    ] as const) {
      // prettier-ignore
      const [pred, truth] = await Promise.all(['y_pred', 'y_true'].map((name) => npzArray(join(folder, place, 'accuracy.npz'), name))); // prettier-ignore
      const right = pred!.values.filter((value, i) => value === truth!.values[i]).length;
      expect(right / COUNT, place).toBeCloseTo(metrics[`${key}/top1`]!, 6);
      const top = await npzArray(join(folder, place, 'top5_accuracy.npz'), 'top_k_preds');
      expect(top.shape).toEqual([COUNT, 5]);
      expect(top.values.filter((_, i) => i % 5 === 0)).toEqual(pred!.values);
      // Labels count from 1: 0 is the background.
      expect(Math.min(...(truth!.values as number[]))).toBeGreaterThanOrEqual(1);
    }
    const path = join(folder, 'fgsm', 'normalized_l2_distance.npz');
    const [a, b] = await Promise.all(['original_L2', 'perturbation_L2'].map((name) => npzArray(path, name)));
    const shares = a!.values.map((value, i) => Number(b!.values[i]) / Number(value));
    // The run's mean is over the images that were attacked; those that were wrong at first were left alone.
    const tried = shares.filter((share) => share > 0);
    expect(tried).toHaveLength(metrics['attack/fgsm/attacked']!);
    const mean = tried.reduce((sum, share) => sum + share, 0) / tried.length;
    expect(mean).toBeCloseTo(metrics['attack/fgsm/normalized_l2_original_mean_all']!, 5);
    expect(mean).toBeGreaterThan(0);
    const ids = await npzArray(join(folder, 'clean', 'accuracy.npz'), 'ids');
    expect(ids.values).toHaveLength(COUNT);
  });

  test.skipIf(!native)('is read by TensorFlow itself: floats and bytes', async () => {
    await openBackend('node', { threads: 1, log: () => undefined, warn: () => undefined });
    const own = [];
    for (const name of readdirSync(attacked).filter((each) => each.endsWith('.tfrecord')).sort()) own.push(...(await floatsIn(join(attacked, name)))); // prettier-ignore
    const read = await readByTensorFlow([join(out, 'all', 'fgsm', 'attacked.tfrecord')], 'float32');
    expect(read.ids).toEqual(own.map(({ id }) => id));
    expect(read.labels).toEqual(own.map(({ label }) => label + 1));
    expect(read.heights).toEqual(Array(COUNT).fill(32));
    const expected = own.flatMap(({ image }) => [...image.data].map((value) => Math.fround(2 * value - 1)));
    expect(read.pixels).toEqual(Float32Array.from(expected));
    const bytes = await readByTensorFlow([join(out, 'defended', 'fgsm', 'jpeg', 'preprocessed.tfrecord')], 'uint8');
    const defended = await floatsIn(join(out, 'defended', 'fgsm', 'jpeg', 'preprocessed.tfrecord'));
    expect(bytes.pixels).toEqual(Float32Array.from(defended.flatMap(({ image }) => [...image.data])));
    expect(bytes.ids).toEqual(read.ids);
  });

  test.skipIf(!python)('is read by Python’s TensorFlow (where a Python with it is found)', { timeout: 300_000 }, () => {
    const code = [
      'import json, os, sys',
      "os.environ['TF_CPP_MIN_LOG_LEVEL'] = '3'",
      'import numpy, tensorflow as tf',
      'keys = {"image/filename": tf.string, "image/encoded": tf.string, "image/height": tf.int64, "image/width": tf.int64, "image/class/label": tf.int64}',
      'spec = {k: tf.io.FixedLenFeature([], t) for k, t in keys.items()}',
      'out = []',
      'for r in tf.data.TFRecordDataset(sys.argv[1]):',
      '    f = tf.io.parse_single_example(r, spec)',
      '    x = tf.reshape(tf.io.decode_raw(f["image/encoded"], tf.float32), [f["image/height"], f["image/width"], 3])',
      '    out.append([f["image/filename"].numpy().decode(), int(f["image/class/label"]), float(tf.reduce_min(x)), float(tf.reduce_max(x))])',
      'print(json.dumps(out))',
    ].join('\n');
    const { stdout, stderr } = spawnSync(python!, ['-c', code, join(out, 'all', 'fgsm', 'attacked.tfrecord')], { encoding: 'utf8' }); // prettier-ignore
    const read = JSON.parse(stdout || `"${stderr}"`) as [string, number, number, number][];
    expect(read).toHaveLength(COUNT);
    for (const [, label, least, most] of read) {
      expect(label).toBeGreaterThanOrEqual(1);
      expect(least).toBeGreaterThanOrEqual(-1);
      expect(most).toBeLessThanOrEqual(1);
      expect(least).toBeLessThan(-0.2);
    }
  });

  test('comes back as a dataset whose range is declared, with the accuracy that it had', async () => {
    const spec = join(runs, 'import.yaml');
    const dataset = (range: string) =>
      `dataset: { use: tfrecord, path: exported/all/fgsm/attacked.tfrecord, range: '${range}', label_offset: -1 }\n`;
    const text = 'name: import\nbackend: wasm\nseed: 7\nbatch: 4\nmodel: { use: small_cnn }\nattack: { use: fgsm }\nexecution: { strip: 0 }\n'; // prettier-ignore
    writeFileSync(spec, text + dataset('-1,1'));
    const { code, stdout, stderr } = await shield(['run', spec, '--json'], { runs });
    expect(code, stderr).toBe(0);
    const again = (JSON.parse(stdout) as JsonResult).metrics;
    expect(again['clean/top1']).toBeCloseTo(metrics['attacked/fgsm/float/top1']!, 6);
    writeFileSync(spec, text + dataset('-1,1').replace('all/fgsm/attacked', 'defended/fgsm/jpeg/preprocessed'));
    expectError(await shield(['run', spec], { runs }), 1, 'IMAGE_CORRUPT');
  });

  test('as bytes, in this project’s own form, and never over what is there', async () => {
    const place = join(out, 'own');
    const { code, stderr, stdout } = await shield(['data', 'export', run, '-o', place, '--as', 'uint8', '--json'], { runs }); // prettier-ignore
    expect(code, stderr).toBe(0);
    expect((JSON.parse(stdout) as { files: object[] }).files.length).toBeGreaterThan(2);
    const [image] = await floatsIn(join(place, 'fgsm', 'attacked.tfrecord'));
    expect(image!.image.data).toBeInstanceOf(Uint8Array);
    const before = readFileSync(join(place, 'fgsm', 'attacked.tfrecord'));
    expectError(await shield(['data', 'export', run, '-o', place], { runs }), 1, 'EXPORT_IMPOSSIBLE');
    expect(readFileSync(join(place, 'fgsm', 'attacked.tfrecord'))).toEqual(before);
    expectError(await shield(['data', 'export', 'none'], { runs }), 2, 'RUN_NOT_FOUND');
    expect(existsSync(join(runs, 'none-images'))).toBe(false);
  });
});

describe('shield data inspect', () => {
  test('tells what stands in files, and what is damaged', async () => {
    const inspect = (...args: string[]) => shield(['data', 'inspect', ...args], { runs });
    const jpeg = await inspect(golden('validation_jpeg.tfrecord'), golden('validation_jpeg.tfrecord.gz'), '--decode');
    expect(jpeg.code, jpeg.stderr).toBe(0);
    expect(jpeg.stdout).toMatch(/^files +2, 1 packed by gzip\nrecords +8 in \d+\.\d kB\nimages +8 JPEG$/m);
    expect(jpeg.stdout).toMatch(/^image\/class\/label +int64 *$/m);
    const float = JSON.parse((await inspect(golden('attacked_float32.tfrecord'), '--json')).stdout) as Record<string, unknown>; // prettier-ignore
    expect(float).toMatchObject({
      files: 1,
      records: 4,
      forms: { 'float32, range not said': 4 },
      labels: { least: 0, most: 1000, classes: 4 },
      damaged: 0,
    });
    for (const name of ['corrupt_crc.tfrecord', 'truncated.tfrecord']) {
      const outcome = await inspect(golden(name));
      expectError(outcome, 1, 'DATASET_INVALID');
      expect(outcome.stdout).toMatch(new RegExp(`${name}: .* at byte \\d+`));
    }
    expectError(await inspect(join(runs, 'no-*')), 1, 'DATASET_MISSING');
  });
});
