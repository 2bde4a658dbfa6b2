import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { nativeForTests } from '@shield/core/testing';
import { defineAttack } from '@shield/core';
import type { Tensor4D } from '@tensorflow/tfjs-core';
import { Type } from '@sinclair/typebox';
import sharp from 'sharp';
import { afterEach, expect, test } from 'vitest';
import { Kept } from '../packages/core/src/execution/kept/kept.js';
import { carryOut } from '../packages/core/src/sweep/carry-out.js';
import { jobOf } from '../packages/core/src/sweep/cell-jobs.js';
import { sweepWork } from '../packages/core/src/sweep/run-sweep.js';
import { collectProvenance } from '../packages/core/src/tracking/provenance.js';
import type { Run } from '../packages/core/src/tracking/runs-folder.js';
import { createShield } from '../src/index.js';
import { readLines, root, runsIn, temporaryFolder } from './shield.js';

/*
 * Cells of one process that have their networks, data sets and artifacts in common leave what they leave without that, to the
 * bit.
 */

const native = await nativeForTests();
const folder = temporaryFolder();
const weights = join(folder, 'weights.safetensors');
const never = new AbortController().signal;
const bundled = join(root, 'packages/models/weights/small-cnn.safetensors');

/** Fails as an attack does that asks for more memory than there is: in the middle of a pass. */
const breaks = defineAttack({
  name: 'breaks',
  summary: 'asks the network, and fails',
  norm: 'none',
  targeted: false,
  needs: 'logits',
  random: false,
  options: Type.Object({}),
  cost: () => ({ forwards: 1, gradients: 0 }),
  run: ({ model, images, ids }) => {
    const ask = model.compile('ask', { forwards: 1, gradients: 0 }, (batch: Tensor4D) => [model.logits(batch)]);
    ask([...ids.keys()], images);
    throw new Error('OOM when allocating a tensor');
  },
});

/** Enough images for the predictor to be a graph, where the backend has graphs. */
function specOf(sweep: string, dataset = '{ use: drawn, limit: 48 }'): string {
  const path = join(folder, 'spec.yaml');
  copyFileSync(bundled, weights);
  const text = `name: kept
backend: ${native ? 'node' : 'cpu'}
model: { use: small_cnn, weights: weights.safetensors }
dataset: ${dataset}
attack: { use: fgsm, eps: 16 }
defenses: { jpeg: { use: jpeg } }
execution: { threads: 1, strip: 0 }
${sweep}
`;
  writeFileSync(path, text);
  return path;
}

/** Captured once, as in a sweep. */
let provenance: Awaited<ReturnType<typeof collectProvenance>> | undefined;
let kept: Kept | undefined;
afterEach(() => kept?.close());

/** Has the cells carried out one after another in this process, in a folder of their own. */
async function cells(spec: string, kept?: Kept) {
  const runs = temporaryRuns();
  const shield = await createShield({ runsFolder: runs, plugins: [{ name: 'test', plugins: [breaks] }] });
  const plan = await shield.plan(spec);
  provenance ??= await collectProvenance({ seed: plan.seed, commandLine: [], specDir: plan.folder });
  const work = sweepWork(shield, plan, { run: { id: 'sweep' } as Run, provenance }, []);
  const options = kept ? { kept } : {};
  const jobs = plan.cells.map(jobOf);
  const one = (cell: number) => carryOut(shield, work, jobs[cell - 1]!, never, () => undefined, options);
  return { runs, one };
}

let folders = 0;
function temporaryRuns(): string {
  return join(folder, `runs-${++folders}`);
}

/** All that the cells left, line by line, without what no two runs share: their ids, times, seconds and memory. */
function left(runs: string): string[] {
  const plain = (text: string) =>
    text.replaceAll(runs, 'RUNS').replaceAll(/((?:seconds|startedAt)"): ?[\w".:-]+/g, '$1:0');
  const artifacts = join(runs, 'artifacts');
  const batches = readdirSync(artifacts, { recursive: true, encoding: 'utf8' })
    .filter((path) => statSync(join(artifacts, path)).isFile())
    .sort()
    .map((path) => {
      const bytes = readFileSync(join(artifacts, path));
      // The first line of a record is its checksum, which covers its seconds.
      if (path.endsWith('.json')) return `${path} ${plain(bytes.toString()).replace(/^[0-9a-f]{64}\n/, '')}`;
      return `${path} ${createHash('sha256').update(bytes).digest('hex')}`;
    });
  const records = runsIn(runs).flatMap((path) => [
    readdirSync(path).sort().join(' '),
    ...['resolved.yaml', 'per-image.jsonl', 'metrics.json', 'robustness.csv', 'provenance.json'].map(
      (name) => `${name} ${plain(readFileSync(join(path, name), 'utf8'))}`,
    ),
    ...readLines<Record<string, unknown>>(join(path, 'journal.jsonl'))
      .filter(({ type, key }) => type !== 'heartbeat' && !String(key).endsWith('seconds'))
      .map(({ seq: _seq, time: _time, crc: _crc, seconds: _seconds, ...entry }) => plain(JSON.stringify(entry))),
  ]);
  return [...batches, ...records];
}

test('artifacts, results and records are the same as those of cells that load their own', async () => {
  const spec = specOf('sweep: { grid: { attack.eps: [8, 16], defenses.jpeg.quality: [20, 60] } }');
  kept = new Kept();
  const [own, shared] = [await cells(spec), await cells(spec, kept)];
  for (const { one } of [own, shared])
    for (let cell = 1; cell <= 4; cell++) expect((await one(cell)).state).toBe('COMPLETED');
  expect(left(shared.runs)).toEqual(left(own.runs));
  const resources = runsIn(shared.runs).map((path) =>
    readLines<{ type: string; path: string; sha256?: string }>(join(path, 'journal.jsonl')).filter(
      ({ type }) => type === 'resource',
    ),
  );
  expect(resources).toHaveLength(4);
  const sha256 = createHash('sha256').update(readFileSync(bundled)).digest('hex');
  for (const each of resources) expect(each).toMatchObject([{ path: weights, sha256 }]);
});

test('cells of the same process at the same time share it too', async () => {
  const spec = specOf('sweep: { grid: { defenses.jpeg.quality: [20, 40, 60] } }');
  kept = new Kept();
  const [own, shared] = [await cells(spec), await cells(spec, kept)];
  const at = (outcomes: readonly Awaited<ReturnType<typeof own.one>>[]) =>
    outcomes.map(({ state, metrics }) => [state, metrics!['defended/fgsm/jpeg/top1'], metrics!['clean/top1']]);
  const alone = [await own.one(1), await own.one(2), await own.one(3)];
  expect(at(await Promise.all([shared.one(1), shared.one(2), shared.one(3)]))).toEqual(at(alone));
});

test('weights that were changed between two cells are those of the second', async () => {
  const spec = specOf('sweep: { grid: { defenses.jpeg.quality: [20, 60] } }');
  kept = new Kept();
  const { one } = await cells(spec, kept);
  const first = await one(1);
  // The biases of the last layer: every image is of the last class now.
  writeFileSync(weights, biased(readFileSync(weights)));
  const second = await one(2);
  expect([first.state, second.state]).toEqual(['COMPLETED', 'COMPLETED']);
  expect(first.metrics!['clean/top1']).toBeGreaterThan(0.9);
  expect(second.metrics!['clean/top1']).toBeLessThan(0.3);
});

test('images that were changed between two cells are those of the second', async () => {
  const images = join(folder, 'images');
  for (const [label, name] of ['a', 'b'].entries()) {
    mkdirSync(join(images, name), { recursive: true });
    await grey(100 * label).toFile(join(images, name, `${name}.png`));
  }
  const spec = specOf(
    'sweep: { grid: { defenses.jpeg.quality: [20, 40, 60] } }',
    `{ use: image_folder, path: images }`,
  );
  kept = new Kept();
  const { runs, one } = await cells(spec, kept);
  expect([(await one(1)).state, (await one(2)).state]).toEqual(['COMPLETED', 'COMPLETED']);
  await grey(200).toFile(join(images, 'b', 'b.png'));
  expect((await one(3)).state).toBe('COMPLETED');
  const contents = runsIn(runs).map(
    (path) =>
      readLines<{ key?: string; value?: string }>(join(path, 'journal.jsonl')).find(
        ({ key }) => key === 'dataset_content',
      )!.value,
  );
  expect(contents[0]).toBe(contents[1]);
  expect(contents[0]).not.toBe(contents[2]);
});

/** An image of one level. */
function grey(level: number) {
  return sharp({ create: { width: 32, height: 32, channels: 3, background: { r: level, g: level, b: level } } });
}

test('a cell that fails leaves the next one what it would have had without it', async () => {
  const spec = specOf('sweep: { grid: { attack: [{ use: fgsm, eps: 16 }, breaks, { use: pgd, eps: 4, steps: 3 }] } }');
  kept = new Kept();
  const [own, shared] = [await cells(spec), await cells(spec, kept)];
  const without = [await own.one(1), await own.one(3)];
  const outcomes = [await shared.one(1), await shared.one(2), await shared.one(3)];
  expect(outcomes.map(({ state, error }) => [state, error?.code])).toEqual([
    ['COMPLETED', undefined],
    ['FAILED', 'OUT_OF_MEMORY'],
    ['COMPLETED', undefined],
  ]);
  const figures = ({ metrics }: (typeof outcomes)[number]) =>
    Object.entries(metrics!).filter(([key]) => !key.endsWith('seconds'));
  expect([figures(outcomes[0]!), figures(outcomes[2]!)]).toEqual(without.map(figures));
});

/** The file with another last float in each of its tensors called `dense.bias`. */
function biased(bytes: Buffer): Buffer {
  const length = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + length)) as Record<
    string,
    { data_offsets: [number, number] }
  >;
  const end = 8 + length + header['dense.bias']!.data_offsets[1];
  const changed = Buffer.from(bytes);
  changed.writeFloatLE(1000, end - 4);
  return changed;
}
