import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Type } from '@sinclair/typebox';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openBackend } from '../backend/open-backend.js';
import { ShieldError } from '../errors/index.js';
import { createShield, type RunResult } from '../execution/shield.js';
import type { DatasetItem } from '../plugin/contracts.js';
import { defineAttack, defineDataset, defineDefense, defineModel } from '../plugin/define.js';
import { RunTimedOut } from '../tracking/endings.js';
import { collectProvenance } from '../tracking/provenance.js';
import { drawnPixels, tinyModel } from '../testing/tiny-model.js';
import type { ImageResult } from './collect.js';

/*
 * Whole runs of the pipeline on a small network, with an attack that notes what it is given.
 */

const IMAGES = 11;
const CLASSES = 5;
const LENGTH = 8 * 8 * 3;
const pixels = drawnPixels(IMAGES, { height: 8, width: 8 });
/** Images that the dataset labels otherwise than the model, and one that cannot be read. */
const WRONG = [2, 7];
const CORRUPT = 5;
/** What the model says of each image. */
let said: number[];
let labels: number[];

const data = defineDataset({
  name: 'data',
  summary: 'images that the tiny model knows',
  options: Type.Object({ corrupt: Type.Boolean({ default: false, description: 'whether one image cannot be read' }) }),
  open: async (options) => ({
    size: IMAGES,
    fingerprint: async () => JSON.stringify({ corrupt: options.corrupt, labels }),
    items: async function* () {
      for (let i = 0; i < IMAGES; i++) yield item(i, options.corrupt && i === CORRUPT);
    },
  }),
});

function item(i: number, corrupt: boolean): DatasetItem {
  return {
    id: `image ${i}`,
    label: labels[i]!,
    path: `image ${i}`,
    load: async () => {
      if (corrupt) throw new ShieldError('IMAGE_CORRUPT', { id: `image ${i}`, path: '', reason: 'it is a test' });
      return { data: pixels.slice(i * LENGTH, (i + 1) * LENGTH), height: 8, width: 8 };
    },
  };
}

const network = defineModel({
  name: 'network',
  summary: 'the tiny model, with a background class or without',
  options: Type.Object({
    offset: Type.Integer({ minimum: 0, default: 0, description: 'index of class 0 among the logits' }),
    fault: Type.String({ default: '', description: 'nan: no answer to image 4; all nan; flat; opaque: no gradient' }),
  }),
  load: async ({ offset, fault }) => {
    const tiny = tinyModel({ classes: CLASSES });
    const model = { ...tiny, logits: (images: tf.Tensor4D) => faulty(fault, images, tiny.logits) };
    const background = (images: tf.Tensor4D) => tf.fill<tf.Rank.R2>([images.shape[0], offset], -100);
    return {
      ...model,
      classes: CLASSES + offset,
      labelOffset: offset,
      weightsDigest: `${model.weightsDigest}-${offset}-${fault}`,
      logits: (images) =>
        offset === 0 ? model.logits(images) : tf.tidy(() => tf.concat([background(images), model.logits(images)], 1)),
    };
  },
});

/** The logits of a model that has something wrong with it. */
function faulty(fault: string, images: tf.Tensor4D, logits: (images: tf.Tensor4D) => tf.Tensor2D): tf.Tensor2D {
  switch (fault) {
    case 'nan': {
      // Image 4 is known by its pixels; read back, so that nothing of this has to be differentiated.
      const values = images.dataSync();
      const fourth = pixels.subarray(4 * LENGTH, 5 * LENGTH);
      const spoilt = Array.from({ length: images.shape[0] }, (_, i) => [
        fourth.every((value, k) => values[i * LENGTH + k] === value) ? NaN : 0,
      ]);
      return tf.add(logits(images), spoilt);
    }
    case 'all nan':
      return tf.mul(logits(images), NaN);
    case 'flat':
      return logits(tf.div(tf.round(tf.mul(images, 7)), 7));
    case 'opaque':
      return logits(tf.tensor4d(images.dataSync(), images.shape));
    default:
      return logits(images);
  }
}

const climb = defineAttack({
  name: 'climb',
  summary: 'a step along the gradient',
  norm: 'linf',
  targeted: false,
  needs: 'gradients',
  random: false,
  options: Type.Object({}),
  cost: () => ({ forwards: 0, gradients: 1 }),
  run: async ({ model, images, labels }) => {
    const marked = tf.oneHot(tf.tensor1d(labels, 'int32'), CLASSES);
    const step = model.compile<[tf.Tensor4D, tf.Tensor2D], [tf.Tensor4D]>(
      'step',
      { forwards: 0, gradients: 1 },
      (x, marked) => {
        const slope = tf.grad((x) => tf.sum(tf.mul(model.logits(x as tf.Tensor4D), marked)))(x);
        return [tf.clipByValue(tf.sub(x, tf.mul(tf.sign(slope), 0.2)), 0, 1) as tf.Tensor4D];
      },
    );
    const [moved] = step(Array.from(labels.keys()), images, marked as tf.Tensor2D);
    marked.dispose();
    return { images: moved, iterations: new Int32Array(labels.length).fill(1) };
  },
});

interface Call {
  readonly ids: readonly string[];
  readonly labels: readonly number[];
  readonly targets: readonly number[] | undefined;
}
let calls: Call[] = [];

const noise = defineAttack({
  name: 'noise',
  summary: 'noise of every image, and faults to order',
  norm: 'linf',
  targeted: true,
  needs: 'logits',
  random: true,
  flags: { odd: 'this image is odd' },
  options: Type.Object({
    eps: Type.Number({ default: 51, description: 'size of the noise, in 0-255 levels' }),
    fault: Type.String({ default: '', description: 'what goes wrong with image 3' }),
  }),
  cost: () => ({ forwards: 2, gradients: 0 }),
  run: async ({ model, images, labels, targets, ids, random, checkpoint }, { eps, fault }) => {
    calls.push({ ids: [...ids], labels: [...labels], targets: targets && [...targets] });
    const look = model.compile<[tf.Tensor4D], [tf.Tensor2D]>('look', { forwards: 1, gradients: 0 }, (x) => [
      model.logits(x),
    ]);
    tf.dispose(look(Array.from(ids.keys()), images));
    // The first of the batch is looked at once more.
    const first = tf.slice(images, [0, 0, 0, 0], [1, 8, 8, 3]);
    tf.dispose([...look([0], first), first]);
    await checkpoint({ done: 1, of: 1 });
    if (fault === 'throw') throw new Error('the attack broke down');
    if (fault === 'same tensor') return { images, iterations: new Int32Array(ids.length) };
    if (fault === 'no counts') return { images: images.clone(), iterations: new Int32Array(0) };
    const values = Float32Array.from(await images.data());
    ids.forEach((id, i) => {
      const stream = random(i);
      for (let k = i * LENGTH; k < (i + 1) * LENGTH; k++) {
        values[k] = Math.min(1, Math.max(0, values[k]! + ((2 * stream.uniform() - 1) * eps) / 255));
      }
      if (id === 'image 3' && fault === 'nan') values[i * LENGTH + 7] = NaN;
      if (id === 'image 3' && fault === 'range') values[i * LENGTH + 7] = 1.5;
    });
    const rows = fault === 'too few' ? ids.length - 1 : ids.length;
    return {
      images: tf.tensor4d(values.subarray(0, rows * LENGTH), [rows, 8, 8, 3]),
      iterations: Int32Array.from(ids, (_, i) => i + 1),
      ...(fault === 'odd' || fault === 'unknown flag'
        ? {
            flags: ids.map((id) => (['image 3', 'image 9'].includes(id) ? [fault] : [])),
            by: ids.map((id) => (id === 'image 4' ? undefined : 'luck')),
          }
        : {}),
    };
  },
});

/** Images that a slow defense was given. */
let slow = 0;

const flip = defineDefense({
  name: 'flip',
  summary: 'inverts bytes, or breaks down',
  takes: 'bytes',
  random: false,
  gradient: 'straight-through',
  options: Type.Object({ fault: Type.String({ default: '', description: 'what goes wrong' }) }),
  apply: ({ data, height, width }, { fault }) => {
    if (fault === 'throw') throw new Error('the defense broke down');
    if (fault === 'slow') for (const since = performance.now(); performance.now() - since < 60;);
    slow += Number(fault === 'slow');
    return { data: Uint8Array.from(fault === 'short' ? data.subarray(3) : data, (byte) => 255 - byte), height, width };
  },
});

let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'shield-pipeline-'));
  await openBackend('cpu', { log: () => undefined, warn: () => undefined });
  const model = tinyModel({ classes: CLASSES });
  said = tf.tidy(() => Array.from(tf.argMax(model.logits(tf.tensor4d(pixels, [IMAGES, 8, 8, 3])), 1).dataSync()));
  model.dispose();
  labels = said.map((label, i) => (WRONG.includes(i) ? (label + 1) % CLASSES : label));
});
afterAll(() => rmSync(folder, { recursive: true }));
beforeEach(() => {
  calls = [];
});

const BASE = `name: pipeline
backend: cpu
batch: 4
dataset: { use: data }
model: { use: network }
attack: { use: noise }
defense: { use: flip }
evaluate: { top: [1], draws: 1 }
`;

/** Of all runs: git would be asked anew for each. */
const provenance = collectProvenance({ seed: 0, specDir: tmpdir() });

let count = 0;
/** Runs the spec with overrides; every call has artifacts of its own unless a folder is named. */
async function run(
  overrides: readonly string[] = [],
  runs = `runs-${count++}`,
): Promise<RunResult & { rows: ImageResult[] }> {
  const spec = join(folder, 'spec.yaml');
  writeFileSync(spec, BASE);
  const shield = createShield({
    plugins: [{ name: 'tests', plugins: [data, network, noise, climb, flip] }],
    runsFolder: join(folder, runs),
  });
  const result = await shield.run(spec, { overrides, provenance: await provenance });
  const text = readFileSync(join(result.run.path, 'per-image.jsonl'), 'utf8').trimEnd();
  return { ...result, rows: text.split('\n').map((line) => JSON.parse(line) as ImageResult) };
}

const at = (rows: readonly ImageResult[], i: number) => rows.find(({ id }) => id === `image ${i}`)!;
const attackOn = (rows: readonly ImageResult[], i: number) => Object.values(at(rows, i).attacks!)[0]!;
const others = (left: readonly number[]) =>
  Array.from({ length: IMAGES }, (_, i) => i).filter((i) => !left.includes(i));

describe('what an attack is given', () => {
  it('are the images that the model gets right, in batches that never move', async () => {
    const { rows, summary } = await run();
    expect(calls.map(({ ids }) => ids)).toEqual([
      ['image 0', 'image 1', 'image 3'],
      ['image 4', 'image 5', 'image 6'],
      ['image 8', 'image 9', 'image 10'],
    ]);
    expect(calls.flatMap((call) => call.labels)).toEqual(others(WRONG).map((i) => labels[i]));
    expect(calls.every(({ targets }) => targets === undefined)).toBe(true);
    expect(rows.map(({ id }) => id)).toEqual(others([]).map((i) => `image ${i}`));
    expect(summary!.clean.top[1]).toMatchObject({ n: IMAGES, count: IMAGES - WRONG.length });
    for (const i of WRONG)
      expect(attackOn(rows, i)).toMatchObject({
        attacked: false,
        leftOut: 'misclassified',
        success: false,
        l2: 0,
        forwards: 0,
      });
    for (const i of others(WRONG)) expect(attackOn(rows, i)).toMatchObject({ attacked: true, source: labels[i] });
  });

  it('passes and iterations are booked to the right images', async () => {
    const { rows } = await run();
    for (const i of [0, 4, 8]) expect(attackOn(rows, i)).toMatchObject({ forwards: 2, iterations: 1 });
    for (const i of [1, 5, 9]) expect(attackOn(rows, i)).toMatchObject({ forwards: 1, iterations: 2 });
    for (const i of [3, 6, 10]) expect(attackOn(rows, i)).toMatchObject({ forwards: 1, iterations: 3, gradients: 0 });
  });

  it('attack_misclassified: all images, with their labels', async () => {
    const { rows } = await run(['attack.attack_misclassified=true']);
    expect(calls.flatMap((call) => call.labels)).toEqual(labels);
    for (const i of WRONG) expect(attackOn(rows, i).l2).toBeGreaterThan(0);
  });

  it('labels: predicted: all images, with what the model says of them', async () => {
    const { rows } = await run(['attack.labels=predicted']);
    expect(calls.flatMap((call) => call.labels)).toEqual(said);
    for (const i of WRONG) expect(attackOn(rows, i)).toMatchObject({ attacked: true, source: said[i] });
  });

  it('with a background class: labels among the logits, results in the numbering of the dataset', async () => {
    const { rows } = await run(['+model.offset=1', 'attack.labels=predicted', 'attack.target=random']);
    expect(calls.flatMap((call) => call.labels)).toEqual(said.map((label) => label + 1));
    const targets = calls.flatMap((call) => call.targets!);
    rows.forEach((row, i) => {
      expect(attackOn(rows, i)).toMatchObject({ source: said[i], target: targets[i]! - 1 });
      expect(row.clean!.top[0]).toBe(said[i]);
    });
  });

  it('targets: drawn for each image, never its own class; the least likely; a number', async () => {
    const plain = await run(['attack.target=random']);
    const drawn = new Map(
      calls.flatMap(({ ids, targets }) => ids.map((id, k): [string, number] => [id, targets![k]!])),
    );
    for (const i of others(WRONG)) {
      expect(drawn.get(`image ${i}`)).not.toBe(labels[i]);
      expect(attackOn(plain.rows, i).target).toBe(drawn.get(`image ${i}`));
      const { success, float, target } = attackOn(plain.rows, i);
      expect(success).toBe(float.top[0] === target);
    }
    calls = [];
    await run(['attack.target=random', 'batch=3']);
    for (const { ids, targets } of calls) ids.forEach((id, k) => expect(targets![k]).toBe(drawn.get(id)));

    calls = [];
    await run(['attack.target=least_likely']);
    const model = tinyModel({ classes: CLASSES });
    const least = tf.tidy(() =>
      Array.from(tf.argMin(model.logits(tf.tensor4d(pixels, [IMAGES, 8, 8, 3])), 1).dataSync()),
    );
    model.dispose();
    expect(calls.flatMap((call) => call.targets)).toEqual(others(WRONG).map((i) => least[i]));

    await expect(run([`attack.target=${CLASSES}`])).rejects.toMatchObject({ code: 'ATTACK_FAILED' });

    // Images of that class already are left out.
    calls = [];
    const goal = labels[0]!;
    const { rows, summary } = await run([`attack.target=${goal}`]);
    const misclassified = WRONG.length;
    const target = others(WRONG).filter((i) => labels[i] === goal).length;
    expect(Object.values(summary!.attacks)[0]).toMatchObject({
      attacked: IMAGES - misclassified - target,
      leftOut: { misclassified, target, unusable: 0 },
    });
    expect(calls.flatMap(({ ids }) => ids)).toEqual(
      others(WRONG)
        .filter((i) => labels[i] !== goal)
        .map((i) => `image ${i}`),
    );
    expect(attackOn(rows, 0)).toMatchObject({ attacked: false, leftOut: 'target', l2: 0 });
  });

  it('targets from a csv, by the id of the image', async () => {
    const csv = join(folder, 'targets.csv');
    const goals = labels.map((label, i) => (label + 1 + (i % 2)) % CLASSES);
    writeFileSync(csv, `Name,Goal\n${goals.map((goal, i) => `image ${i},${goal + 1}`).join('\n')}\n`);
    const option = `attack.target={csv: ${csv}, id: Name, class: Goal, offset: -1}`;
    const first = await run([option], 'csv');
    expect(calls.flatMap(({ targets }) => targets)).toEqual(others(WRONG).map((i) => goals[i]));
    // The file's content names the artifact: another one is not taken for it.
    writeFileSync(
      csv,
      `Name,Goal\n${goals.map((_, i) => `image ${i},${((labels[i]! + 3) % CLASSES) + 1}`).join('\n')}\n`,
    );
    const second = await run([option], 'csv');
    expect(attackOn(second.rows, 0).target).not.toBe(attackOn(first.rows, 0).target);
    writeFileSync(csv, 'Name,Goal\nimage 0,3\n');
    await expect(run([option])).rejects.toMatchObject({
      code: 'ATTACK_FAILED',
      message: expect.stringContaining('image 1') as string,
    });
    writeFileSync(csv, 'Name,Goal\nimage 0,three\n');
    await expect(run([option])).rejects.toMatchObject({ message: expect.stringContaining('"three"') as string });
    writeFileSync(csv, 'Name\nimage 0\n');
    await expect(run([option])).rejects.toMatchObject({ message: expect.stringContaining('"Goal"') as string });
  });
});

describe('images that cannot be read', () => {
  it('end the run, or make their own batch smaller and are named', async () => {
    await expect(run(['+dataset.corrupt=true'])).rejects.toMatchObject({ code: 'IMAGE_CORRUPT' });
    const { rows, summary } = await run(['+dataset.corrupt=true', '+dataset.on_corrupt=skip']);
    expect(calls.map(({ ids }) => ids.at(-1))).toEqual(['image 3', 'image 6', 'image 10']);
    expect(calls[1]!.ids).toEqual(['image 4', 'image 6']);
    expect(summary!.images).toBe(IMAGES - 1);
    expect(summary!.clean.top[1]!.n).toBe(IMAGES - 1);
    expect(summary!.dropped).toMatchObject([{ id: `image ${CORRUPT}` }]);
    expect(rows).toHaveLength(IMAGES);
    expect(at(rows, CORRUPT).dropped).toMatch(/it is a test/);
    for (const i of others([CORRUPT])) expect(at(rows, i).label).toBe(labels[i]);
  });

  it('a batch of which nothing is left', async () => {
    const { summary } = await run(['batch=1', '+dataset.corrupt=true', '+dataset.on_corrupt=skip']);
    expect(summary!.images).toBe(IMAGES - 1);
    expect(calls).toHaveLength(IMAGES - WRONG.length - 1);
  });
});

describe('results', () => {
  it('do not depend on the batch, nor on what was computed before', async () => {
    const whole = await run(['batch=11'], 'together');
    for (const batch of [1, 4]) {
      const { rows } = await run([`batch=${batch}`], 'together');
      for (const i of others([])) {
        const [a, b] = [attackOn(whole.rows, i), attackOn(rows, i)];
        expect([b.success, b.float.top]).toEqual([a.success, a.float.top]);
        expect(b.l2).toBeCloseTo(a.l2, 6);
      }
    }
    calls = [];
    const again = await run(['batch=11'], 'together');
    expect(calls).toEqual([]);
    expect(again.rows).toEqual(whole.rows);
    // Another defense leaves the attack alone; another option of it does not.
    await run(['batch=11', '+defense.fault=none'], 'together');
    expect(calls).toEqual([]);
    await run(['batch=11', '+attack.eps=50'], 'together');
    expect(calls).toHaveLength(1);
    await run(['batch=11', 'seed=99'], 'together');
    expect(calls).toHaveLength(2);
  });

  it.each(['round', 'truncate'])(
    'grid: uint8: levels that the hand-over (%s) gives back, said both ways',
    async (how) => {
      const float = await run([`+handover=${how}`, '+attack.eps=150.3'], `grid-${how}`);
      const { rows, summary } = await run(
        [`+handover=${how}`, '+attack.eps=150.3', '+attack.grid=uint8'],
        `grid-${how}`,
      );
      const { attacked, success, successRounded, beforeGrid } = Object.values(summary!.attacks)[0]!;
      expect(attacked).toBe(IMAGES - WRONG.length);
      expect(beforeGrid!.success.count).toBe(Object.values(float.summary!.attacks)[0]!.success.count);
      expect(beforeGrid!.success.count).toBeGreaterThan(0);
      expect(success.count).toBe(successRounded.count);
      for (const i of others(WRONG)) {
        const [before, after] = [attackOn(float.rows, i), attackOn(rows, i)];
        const { success: fooled, l0, l1, l2, linf } = before;
        expect(after.beforeGrid).toEqual({ success: fooled, l0, l1, l2, linf });
        expect(after.rounded.top).toEqual(after.float.top);
        // The clean pixels lie between levels: half a level more.
        expect(255 * after.linf).toBeLessThanOrEqual(150.8);
        if (fooled) expect(after.success).toBe(true);
      }
      for (const i of WRONG) expect(attackOn(rows, i).beforeGrid).toBeUndefined();
    },
  );

  it('norms and verdicts are those of the images', async () => {
    const { rows } = await run(['+attack.eps=25.5']);
    for (const i of others(WRONG)) {
      const { l2, linf, l0, success, float, source } = attackOn(rows, i);
      expect(linf).toBeLessThanOrEqual(0.1 + 1e-6);
      expect(linf).toBeGreaterThan(0.09);
      expect(l2).toBeGreaterThan(linf);
      expect(l0).toBe(64);
      expect(success).toBe(float.top[0] !== source);
    }
  });
});

describe('models with faults', () => {
  const warnings = (path: string) =>
    readFileSync(join(path, 'journal.jsonl'), 'utf8')
      .split('\n')
      .flatMap((line) => (line.includes('"level":"warn"') ? [(JSON.parse(line) as { message: string }).message] : []));

  it.each(['noise', 'climb'])('NaN for one image: it is named, counts as wrong, and %s goes on', async (attack) => {
    const sane = await run([`attack.use=${attack}`]);
    const { rows, summary, run: of } = await run([`attack.use=${attack}`, '+model.fault=nan']);
    expect(at(rows, 4).clean).toMatchObject({ top: [], p: 0, unusable: 'the logit of class 0 is NaN' });
    expect(attackOn(rows, 4)).toMatchObject({ attacked: false, leftOut: 'unusable', success: false, l2: 0 });
    for (const i of others([4])) {
      const { success, l2, float } = attackOn(sane.rows, i);
      expect(attackOn(rows, i)).toMatchObject({ success, l2, float });
    }
    expect(summary!.clean.top[1]).toMatchObject({ n: IMAGES, count: IMAGES - WRONG.length - 1 });
    expect(summary!.unusable).toEqual([{ id: 'image 4', reason: 'the logit of class 0 is NaN' }]);
    expect(warnings(of.path).join()).toContain('no answer to image 4: the logit of class 0 is NaN');
  });

  it('NaN behind an attacked image: no success, and said', async () => {
    const { rows, summary, run: of } = await run(['attack.attack_misclassified=true', '+attack.fault=nan']);
    expect(attackOn(rows, 3)).toMatchObject({ success: false });
    expect(Object.values(summary!.attacks)[0]).toMatchObject({ failures: 1, failed: [{ id: 'image 3' }] });
    expect(warnings(of.path).join()).toMatch(/noise failed on 1 image: image 3: the attack made NaN of a pixel/);
  });

  it('NaN for every image ends the run', async () => {
    for (const batch of ['batch=4', 'batch=11'])
      await expect(run([batch, '+model.fault=all nan'])).rejects.toMatchObject({
        code: 'MODEL_NAN',
        message: expect.stringContaining('image 0') as string,
      });
  });

  it('a model that cannot be differentiated is refused to attacks that follow gradients, not to others', async () => {
    await expect(run(['attack.use=climb', '+model.fault=opaque'])).rejects.toMatchObject({
      code: 'MODEL_NO_GRADIENT',
      params: { path: 'network' },
    });
    const { rows } = await run(['+model.fault=opaque', '+attack.eps=150']);
    expect(others(WRONG).some((i) => attackOn(rows, i).success)).toBe(true);
  });

  it('a gradient of 0 everywhere is warned of', async () => {
    const { run: of } = await run(['attack.use=climb', '+model.fault=flat']);
    expect(warnings(of.path).join()).toContain('no gradient of network reaches any of the first 3 images');
    expect(warnings((await run(['attack.use=climb'])).run.path).join()).not.toContain('no gradient');
  });
});

describe('faults of plugins', () => {
  it.each(['nan', 'range'])(
    'an image that is not usable (%s) is given up, and named; the others stand',
    async (fault) => {
      const sane = await run();
      const { rows } = await run([`+attack.fault=${fault}`]);
      expect(attackOn(rows, 3)).toMatchObject({ attacked: true, success: false, l2: 0 });
      expect(attackOn(rows, 3).failure).toMatch(/NaN|left \[0, 1\]/);
      for (const i of others([3])) expect(attackOn(rows, i)).toEqual(attackOn(sane.rows, i));
    },
  );

  it('what an attack flags is kept with the image, counted, and warned of in the journal, also when it is reused', async () => {
    const first = await run(['+attack.fault=odd'], 'flags');
    expect(attackOn(first.rows, 3).flags).toEqual(['odd']);
    expect(attackOn(first.rows, 4)).not.toHaveProperty('flags');
    for (const { run: of, summary, metrics } of [first, await run(['+attack.fault=odd'], 'flags')]) {
      expect(Object.values(summary!.attacks)[0]!.flags).toEqual({ odd: 2 });
      expect(metrics).toMatchObject({ 'attack/noise/flags/odd': 2 });
      const journal = readFileSync(join(of.path, 'journal.jsonl'), 'utf8');
      expect(journal).toContain('"level":"warn","message":"noise: this image is odd (odd, 2 of 9 images)"');
    }
  });

  it('which part of an attack fooled the model is kept with the image, and counted where it did', async () => {
    const { rows, summary, metrics } = await run(['+attack.fault=odd', '+attack.eps=255']);
    expect(attackOn(rows, 3).by).toBe('luck');
    expect(attackOn(rows, 4)).not.toHaveProperty('by');
    const lucky = rows.filter((_, i) => attackOn(rows, i).success && attackOn(rows, i).by !== undefined).length;
    expect(lucky).toBeGreaterThan(0);
    expect(Object.values(summary!.attacks)[0]!.by).toEqual({ luck: lucky });
    expect(metrics).toMatchObject({ 'attack/noise/by/luck': lucky });
  });

  it.each(['throw', 'too few', 'no counts', 'unknown flag'])('an attack that fails (%s) is named', async (fault) => {
    await expect(run([`+attack.fault='${fault}'`])).rejects.toMatchObject({
      code: 'ATTACK_FAILED',
      params: { name: 'noise' },
    });
  });

  it('an attack may give back what it was given', async () => {
    const { rows } = await run(['+attack.fault=same tensor']);
    for (const i of others([]))
      expect(attackOn(rows, i)).toMatchObject({ success: false, l2: 0, l0: 0, iterations: 0 });
  });

  it.each(['throw', 'short'])('a defense that fails (%s) is named, and the image', async (fault) => {
    await expect(run([`+defense.fault=${fault}`])).rejects.toMatchObject({
      code: 'DEFENSE_FAILED',
      params: { name: 'flip', id: 'image 0' },
    });
  });

  it.each([
    ['a defense', '+defense.fault=slow'],
    ['the second step of a chain', '+defenses.chain=[{ use: flip }, { use: flip, fault: slow }]'],
  ])(
    '%s that lets nothing else have a turn is stopped by the time limit all the same, between two images',
    async (_, override) => {
      slow = 0;
      const limited = run([override, `batch=${IMAGES}`, '+execution.time_limit=0.3']);
      await expect(limited).rejects.toBeInstanceOf(RunTimedOut);
      expect(slow).toBeLessThan(IMAGES);
    },
  );

  it('leave no tensors behind', async () => {
    await run();
    const before = tf.memory().numTensors;
    await run();
    for (const fault of ['throw', 'too few']) await expect(run([`+attack.fault='${fault}'`])).rejects.toThrow();
    await expect(run(['+defense.fault=throw'])).rejects.toThrow();
    expect(tf.memory().numTensors).toBe(before);
  });
});
