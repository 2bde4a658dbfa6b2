import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Type } from '@sinclair/typebox';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, describe, expect, it } from 'vitest';
import { openBackend } from '../backend/open-backend.js';
import { createShield, type RunResult } from '../execution/shield.js';
import { defineAttack, defineDataset, defineDefense, defineModel } from '../plugin/define.js';
import { Random } from '../random/random.js';
import { drawnPixels, tinyModel } from '../testing/tiny-model.js';
import { resultsTable } from '../report/results-table.js';
import { collectProvenance } from '../tracking/provenance.js';
import type { ImageResult } from './collect.js';

/*
 * Whole runs with chains and ensembles of small networks.
 */

const IMAGES = 10;
const CLASSES = 5;
const LENGTH = 192;
const pixels = drawnPixels(IMAGES, { height: 8, width: 8 });
await openBackend('cpu', { log: () => undefined, warn: () => undefined });

const logitsOf = (seed: number, data: Float32Array) =>
  tf.tidy(() => {
    const model = tinyModel({ classes: CLASSES, seed });
    return model.logits(tf.tensor4d(data, [data.length / LENGTH, 8, 8, 3])).arraySync();
  });
const largest = (values: readonly number[]) => values.indexOf(Math.max(...values));
const labels = logitsOf(0, pixels).map(largest);

const data = defineDataset({
  name: 'data',
  summary: 'images labelled by the first network',
  options: Type.Object({}),
  open: async () => ({
    size: IMAGES,
    fingerprint: async () => 'data',
    items: async function* () {
      for (let i = 0; i < IMAGES; i++) {
        const load = async () => ({ data: pixels.slice(i * LENGTH, (i + 1) * LENGTH), height: 8, width: 8 });
        yield { id: `image ${i}`, label: labels[i]!, path: '', load };
      }
    },
  }),
});

const network = defineModel({
  name: 'network',
  summary: 'a tiny model',
  options: Type.Object({
    seed: Type.Integer({ default: 0, description: 'names the weights' }),
    classes: Type.Integer({ default: CLASSES, description: 'classes' }),
    offset: Type.Integer({ default: 0, description: 'classes before the first' }),
  }),
  load: async ({ seed, classes, offset }) => {
    const model = tinyModel({ classes, seed });
    const padded = (x: tf.Tensor4D) =>
      tf.tidy(() => tf.concat([tf.fill<tf.Rank.R2>([x.shape[0], offset], -90), model.logits(x)], 1));
    const weightsDigest = `${model.weightsDigest}-${offset}`;
    return { ...model, classes: classes + offset, labelOffset: offset, weightsDigest, logits: padded };
  },
});

/** One step of the sign of the gradient of the label's logit. */
const step = defineAttack({
  name: 'step',
  summary: 'a step down the gradient',
  norm: 'linf',
  targeted: false,
  needs: 'gradients',
  random: false,
  options: Type.Object({ size: Type.Number({ default: 0.2, description: 'in [0, 1]' }) }),
  cost: () => ({ forwards: 0, gradients: 1 }),
  run: async ({ model, images, labels: from }, { size }) => {
    const gradient = model.compile<[tf.Tensor4D, tf.Tensor2D], [tf.Tensor4D]>(
      'gradient',
      { forwards: 0, gradients: 1 },
      (x, marked) => [tf.grad((y) => tf.sum(tf.mul(model.logits(y as tf.Tensor4D), marked)))(x) as tf.Tensor4D],
    );
    const marked = tf.tidy(() => tf.cast(tf.oneHot(tf.tensor1d(from, 'int32'), model.classes), 'float32'));
    const [down] = gradient(Array.from(from.keys()), images, marked as tf.Tensor2D);
    const stepped = tf.tidy(() => tf.clipByValue(tf.sub<tf.Tensor4D>(images, tf.mul(tf.sign(down), size)), 0, 1));
    tf.dispose([marked, down]);
    return {
      images: stepped,
      iterations: new Int32Array(from.length).fill(1),
    };
  },
});

const darker = defineDefense({
  name: 'darker',
  summary: 'darker bytes by a drawn step',
  takes: 'bytes',
  random: true,
  gradient: 'straight-through',
  options: Type.Object({ most: Type.Integer({ default: 90, description: 'levels' }) }),
  apply: ({ data: bytes, height, width }, { most }, random) => {
    if (most < 0) throw new Error('it cannot be darker than black');
    const by = random.integer(most);
    return { data: Uint8Array.from(bytes, (byte) => Math.max(0, byte - by)), height, width };
  },
});
const dark = (bytes: ArrayLike<number>, name: readonly (string | number)[], most = 90) => {
  const by = new Random(...name).integer(most);
  return Uint8Array.from(bytes, (byte) => Math.max(0, byte - by));
};

const invert = defineDefense({
  name: 'invert',
  summary: 'inverts floats',
  takes: 'floats',
  random: false,
  gradient: (images) => tf.sub<tf.Tensor4D>(1, images),
  options: Type.Object({}),
  apply: ({ data: floats, height, width }) => ({ data: Float32Array.from(floats, (v) => 1 - v), height, width }),
});

const folder = mkdtempSync(join(tmpdir(), 'shield-ensembles-'));
afterAll(() => rmSync(folder, { recursive: true }));
let count = 0;
/** Of all runs: git would be asked anew for each. */
const provenance = collectProvenance({ seed: 0, specDir: tmpdir() });

async function run(
  text: string,
  overrides: string[] = [],
  runs = `runs-${count++}`,
): Promise<RunResult & { rows: ImageResult[] }> {
  const spec = join(folder, 'spec.yaml');
  writeFileSync(spec, `seed: 3\nbackend: cpu\nbatch: 4\ndataset: { use: data }\nmodel: { use: network }\n${text}`);
  const shield = createShield({
    plugins: [{ name: 'tests', plugins: [data, network, step, darker, invert] }],
    runsFolder: join(folder, runs),
  });
  const result = await shield.run(spec, { overrides, provenance: await provenance });
  const lines = readFileSync(join(result.run.path, 'per-image.jsonl'), 'utf8').trimEnd().split('\n');
  return { ...result, rows: lines.map((line) => JSON.parse(line) as ImageResult) };
}

const bytesOf = (i: number) =>
  Uint8Array.from(pixels.subarray(i * LENGTH, (i + 1) * LENGTH), (v) => Math.floor(255 * v + 0.5));
const floatsOf = (bytes: Uint8Array) => Float32Array.from(bytes, (byte) => byte / 255);

describe('a chain', () => {
  it('is its defenses one after another, each with draws of its own', async () => {
    const { rows } = await run(
      'defenses:\n  twice: [{ use: darker }, { use: darker, most: 50 }]\n  mixed: [{ use: darker }, { use: invert }]\n  one: [{ use: darker }]\n  plain: { use: darker }\nevaluate: { draws: 2, top: [1] }\n',
    );
    rows.forEach(({ id, cleanDefended }, i) => {
      for (const draw of [0, 1]) {
        const name = [3, 'defend', 'darker', id, draw] as const;
        const once = dark(bytesOf(i), name);
        const said = (floats: Float32Array) => largest(logitsOf(0, floats)[0]!);
        const twice = dark(once, [...name, 1], 50);
        expect(cleanDefended!['twice']![draw]!.top[0]).toBe(said(floatsOf(twice)));
        expect(cleanDefended!['mixed']![draw]!.top[0]).toBe(said(floatsOf(once).map((v) => 1 - v)));
        expect(cleanDefended!['one']![draw]).toEqual(cleanDefended!['plain']![draw]);
      }
    });
  });

  it('has a key of its own: another order or option is another artifact, the same chain under another name is not', async () => {
    const runs = `runs-${count++}`;
    const names = async (defense: string) => {
      const { run: left } = await run(`defenses: { ${defense} }\nevaluate: { draws: 2, top: [1] }\n`, [], runs);
      const events = readFileSync(join(left.path, 'journal.jsonl'), 'utf8').trimEnd().split('\n');
      const made = events.map((line) => JSON.parse(line) as { type: string; kind?: string; key?: string });
      const keys = made
        .filter(({ type, kind }) => type === 'artifact' && kind === 'predictions')
        .map(({ key }) => key!);
      return [...new Set(keys)].sort();
    };
    const both = await names('a: [{ use: darker }, { use: invert }]');
    expect(both).toHaveLength(2);
    expect(await names('b: [{ use: darker }, { use: invert }]')).toEqual(both);
    const others = [
      'a: [{ use: invert }, { use: darker }]',
      'a: [{ use: darker, most: 80 }, { use: invert }]',
      'a: [{ use: darker }, { use: invert }, { use: invert }]',
    ];
    const all = new Set(both);
    for (const other of others) for (const key of await names(other)) all.add(key);
    expect(all.size).toBe(both.length + others.length);
  });

  it('the error of one of its defenses names both', async () => {
    const broken = run('defenses: { both: [{ use: invert }, { use: darker, most: -1 }] }\n');
    await expect(broken).rejects.toMatchObject({ code: 'DEFENSE_FAILED', params: { name: 'both, in it darker,' } });
  });
});

const ENSEMBLE = `ensemble:
  vote: majority
  members:
    - { name: own }
    - { name: bright, defense: { use: darker }, model: { use: network, seed: 1 } }
    - { name: inside_out, defense: { use: invert }, model: { use: network, seed: 2, offset: 1 } }
attack: { use: step }
evaluate: { draws: 3, top: [1, 2] }
execution: { strip: 2 }
`;

describe('an ensemble', () => {
  const votes = (i: number, draw: number) => {
    const id = `image ${i}`;
    const own = pixels.slice(i * LENGTH, (i + 1) * LENGTH);
    const darkened = dark(bytesOf(i), [3, 'defend', 'darker', id, draw, 'member', 1]);
    return [
      logitsOf(0, own)[0]!,
      logitsOf(1, floatsOf(darkened))[0]!,
      logitsOf(
        2,
        own.map((v) => 1 - v),
      )[0]!,
    ];
  };
  const probabilities = (logits: readonly number[]) => {
    const sum = logits.reduce((total, value) => total + Math.exp(value), 0);
    return logits.map((value) => Math.exp(value) / sum);
  };

  it('majority: what most members say, and their votes', async () => {
    const { rows, summary } = await run(ENSEMBLE);
    let right = 0;
    rows.forEach(({ cleanDefended, cleanAgreement, label }, i) => {
      const draws = cleanDefended!['ensemble']!;
      draws.forEach(({ top, votes: given }, draw) => {
        const members = votes(i, draw);
        const firsts = members.map(largest);
        expect(given).toEqual(firsts);
        const tally = Array.from({ length: CLASSES }, (_, c) => firsts.filter((first) => first === c).length);
        const mean = members[0]!.map((_, c) => members.reduce((sum, each) => sum + probabilities(each)[c]!, 0));
        expect(top[0]).toBe(largest(tally.map((number, c) => number + mean[c]! / 100)));
        if (top[0] === label) right++;
      });
      const same = [
        [0, 1],
        [0, 2],
        [1, 2],
      ].filter(([a, b]) => draws[a!]!.top[0] === draws[b!]!.top[0]).length;
      expect(cleanAgreement!['ensemble']).toBeCloseTo(same / 3, 12);
    });
    const { top, ensemble, draws } = summary!.cleanDefended['ensemble']!;
    expect(top['1']!.share).toBeCloseTo(right / (3 * IMAGES), 12);
    expect(draws!.n).toBe(3);
    expect(ensemble!.members.map(({ name }) => name)).toEqual(['own', 'bright', 'inside_out']);
    // The first member is the model that the labels come from.
    expect(ensemble!.members[0]!.top1.share).toBe(1);
    expect(ensemble!.members[0]!.agreement).toBeCloseTo(top['1']!.share!, 12);
  });

  it('mean: the highest mean probability', async () => {
    const { rows } = await run(
      ENSEMBLE,
      ['ensemble.vote=mean'].map((text) => text.replace('ensemble.', 'defenses.ensemble.')),
    );
    rows.forEach(({ cleanDefended }, i) =>
      cleanDefended!['ensemble']!.forEach(({ top, p }, draw) => {
        const all = votes(i, draw).map(probabilities);
        const mean = all[0]!.map((_, c) => all.reduce((sum, each) => sum + each[c]!, 0) / 3);
        expect(top[0]).toBe(largest(mean));
        expect(p).toBeCloseTo(mean[top[0]!]!, 5);
      }),
    );
  });

  it('random: the member that is drawn answers, alone', async () => {
    const { rows, summary } = await run(ENSEMBLE, ['defenses.ensemble.vote=random', 'batch=3']);
    const asked = new Set<number>();
    rows.forEach(({ id, cleanDefended }, i) =>
      cleanDefended!['ensemble']!.forEach(({ top, member, votes: none }, draw) => {
        expect(member).toBe(new Random(3, 'vote', id, draw).integer(3));
        expect(none).toBeUndefined();
        expect(top[0]).toBe(largest(votes(i, draw)[member!]!));
        asked.add(member!);
      }),
    );
    expect(asked.size).toBe(3);
    const { members, unanimous } = summary!.cleanDefended['ensemble']!.ensemble!;
    expect(unanimous).toBeUndefined();
    expect(members.reduce((sum, { top1 }) => sum + top1.n, 0)).toBeCloseTo(IMAGES, 9);
  });

  it('results do not depend on the batch', async () => {
    const there = await run(ENSEMBLE);
    const here = await run(ENSEMBLE, ['batch=7']);
    expect(here.rows.map(({ cleanDefended }) => cleanDefended!['ensemble']!.map(({ votes: each }) => each))).toEqual(
      there.rows.map(({ cleanDefended }) => cleanDefended!['ensemble']!.map(({ votes: each }) => each)),
    );
  });

  it('is attacked adaptively, told of in the table and the metrics, with pictures', async () => {
    const { metrics, summary, run: left } = await run(ENSEMBLE, ['threat={adaptive: {eot: 2}}']);
    const adaptive = summary!.attacks['step_vs_ensemble']!;
    expect(adaptive.against).toMatchObject({
      attack: 'step',
      defense: 'ensemble',
      back: { draws: 2, own: ['invert'] },
    });
    // Two members once, the one with a random defense twice.
    expect(adaptive.gradients).toBe(4);
    const table = resultsTable(summary!, { model: 'network', dataset: 'data', handover: 'round', top: [1, 2] });
    for (const line of ['ensemble, adaptive', 'members of ensemble', 'inside_out', 'draws of top-1', 'all agree'])
      expect(table).toContain(line);
    const added = table.slice(table.indexOf('draws of top-1')).split('\n');
    expect(Math.max(...added.map(({ length }) => length)), table).toBeLessThanOrEqual(80);
    for (const key of ['draws_mean', 'draws_low', 'agreement', 'members/own/top1', 'members/bright/agreement'])
      expect(metrics).toHaveProperty([`defended/step/ensemble/${key}`]);
    expect(readFileSync(join(left.path, 'strip-step.png')).byteLength).toBeGreaterThan(1000);
  });

  it('members of other classes are refused by name, at their place', async () => {
    const other = run('ensemble: { members: [{}, { name: big, model: { use: network, classes: 7 } }] }\n');
    await expect(other).rejects.toMatchObject({
      code: 'CLASSES_DIFFER',
      params: { model: 'member ensemble.big (network)', classes: 7, otherClasses: CLASSES },
      where: { line: 6, column: 47 },
    });
  });

  it('leaves no tensors behind', async () => {
    await run(ENSEMBLE, ['threat={adaptive: {eot: 2}}']);
    const before = tf.memory().numTensors;
    await run(ENSEMBLE, ['threat={adaptive: {eot: 2}}']);
    expect(tf.memory().numTensors).toBe(before);
  });
});
