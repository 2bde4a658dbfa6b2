import * as tf from '@tensorflow/tfjs-core';
import { toByteImage, toFloatImage } from '../images/quantize.js';
import { ShieldError } from '../errors/index.js';
import { checkpoint } from '../tracking/time-limit.js';
import type { Artifact, ArtifactKey } from './artifact-store.js';
import type { PipelineContext } from './context.js';
import { isRandom, type Defense } from './defenses.js';
import type { ImageBatch } from './input-batches.js';
import { judgeShown, showThrough, type Shown } from './judge-behind.js';
import { judgedKey } from './keys.js';
import { MissingBatches } from './missing-batches.js';
import { returnPixels } from './pixel-memory.js';
import type { Prediction, PredictionRow } from './rows.js';
import { imagesIn, imagesUpTo } from './shard.js';
import { StageOnDemand } from './stage-on-demand.js';

/** Images that are judged: the clean ones, or what an attack left. */
export interface Source {
  readonly name: string;
  readonly key: ArtifactKey;
  batches(needed: (index: number) => boolean): AsyncIterable<ImageBatch>;
}

/** A way for images to reach the model: as they are, rounded to 8 bits, or through a defense. */
export interface Path {
  readonly name: string;
  readonly rounded?: boolean;
  readonly defense?: Defense;
}

/** Images of one batch without an answer, from which on the network itself is in doubt. */
const MANY = 8;

export const AS_THEY_ARE: Path = { name: 'none' };
export const ROUNDED: Path = { name: '8 bits', rounded: true };

interface Judge {
  readonly path: Path;
  readonly draws: number;
  readonly artifact: Artifact<PredictionRow>;
  /** Of the batch that is being judged. */
  rows: OpenRow[] | undefined;
  milliseconds: number;
}

/**
 * What the model says of a source's images by each path; one pass over the images serves all paths that are still
 * missing. Gives the artifacts by the path's name.
 */
export async function judgeStage(
  context: PipelineContext,
  source: Source,
  paths: readonly Path[],
): Promise<Map<string, Artifact<PredictionRow>>> {
  const artifacts = new Map<string, Artifact<PredictionRow>>();
  // The same defense may go by two names: what it says is computed once.
  const judges: Judge[] = [];
  const planned = paths.map((path) => {
    const draws = path.defense && isRandom(path.defense) ? context.spec.evaluate.draws : 1;
    return { path, draws, key: judgedKey(context, source.key, { ...path, draws }) };
  });
  const opened = await context.store.openAll<PredictionRow>(
    'predictions',
    planned.map(({ key }) => key),
  );
  for (const [i, { path, draws }] of planned.entries()) {
    const artifact = opened[i]!;
    const same = judges.find((judge) => judge.artifact.hash === artifact.hash);
    if (!same) judges.push({ path, draws, artifact, rows: undefined, milliseconds: 0 });
    artifacts.set(path.name, same?.artifact ?? artifact);
  }
  const missing: Judge[] = [];
  for (const judge of judges) if (!(await judge.artifact.complete())) missing.push(judge);
  const info = { stage: 'evaluate', name: source.name };
  if (missing.length === 0) {
    await context.emit({ type: 'stage', ...info, phase: 'reused' });
    return artifacts;
  }
  await context.emit({ type: 'stage', ...info, phase: 'start' });
  const started = performance.now();
  await judgeMissing(context, source, missing);
  await context.emit({ type: 'stage', ...info, phase: 'end', seconds: (performance.now() - started) / 1000 });
  await Promise.all(
    missing.map(async ({ artifact: { hash: key, path } }) =>
      context.emit({ type: 'artifact', kind: 'predictions', key, path }),
    ),
  );
  return artifacts;
}

async function judgeMissing(context: PipelineContext, source: Source, judges: readonly Judge[]): Promise<void> {
  const { shard } = context;
  const { batch: size } = context.spec;
  const mine = imagesIn(shard, size, context.dataset.size);
  const stage = new StageOnDemand(context.reporter, { stage: 'evaluate', name: source.name, total: mine });
  const tally = new Map(judges.map((judge) => [judge, { hits: 0, n: 0 }]));
  const missing = new MissingBatches(
    context,
    judges.map(({ artifact }) => artifact),
  );
  const judgePassed = async ({ batch, judge, draw, shown, last, milliseconds }: ShownPass) => {
    await checkpoint(context.signal);
    stage.begin();
    const since = performance.now();
    judge.rows ??= emptyRows(batch);
    await judgePass(context, judge, judge.rows, batch, shown);
    judge.milliseconds += milliseconds + performance.now() - since;
    if (draw < judge.draws - 1) return;
    await judge.artifact.write(batch.index, [...judge.rows, ...droppedRows(batch)], judge.milliseconds / 1000);
    missing.written(judge.artifact, batch.index);
    const entry = tally.get(judge)!;
    for (const row of judge.rows) {
      entry.n++;
      entry.hits += row.draws.filter(({ top }) => top[0] === row.label).length / row.draws.length;
    }
    judge.rows = undefined;
    judge.milliseconds = 0;
    if (!last) return;
    returnPixels(batch.pixels);
    const done = imagesUpTo(shard, batch.index, size, context.dataset.size);
    stage.update(done, noteOf(tally));
    await context.emit({
      type: 'batch',
      stage: 'evaluate',
      name: source.name,
      batch: batch.index,
      done,
      of: mine ?? done,
      tensors: tf.memory().numTensors,
    });
  };
  const pass = async () => {
    const passes = inAdvance(passesOf(source, judges, missing), (each) => show(context, each));
    for await (const each of passes) await judgePassed(each);
  };
  await missing.fill(pass, () => context.reporter.log(`evaluate ${source.name}: others compute the rest; waiting`));
  stage.end(noteOf(tally));
}

/** The running top-1 accuracy of each path. */
function noteOf(tally: ReadonlyMap<Judge, { readonly hits: number; readonly n: number }>): string {
  return [...tally]
    .map(([judge, { hits, n }]) => `${judge.path.name} ${n === 0 ? '–' : `${((100 * hits) / n).toFixed(0)} %`}`)
    .join('  ');
}

/** One batch by one path in one draw. */
interface Pass {
  readonly batch: ImageBatch;
  readonly judge: Judge;
  readonly draw: number;
  /** Whether it is the last of its path that the batch needs. */
  readonly last: boolean;
}

interface ShownPass extends Pass {
  readonly shown: readonly Shown[];
  readonly milliseconds: number;
}

async function* passesOf(source: Source, judges: readonly Judge[], missing: MissingBatches): AsyncGenerator<Pass> {
  for await (const batch of source.batches(missing.needed)) {
    const claimed: Judge[] = [];
    for (const judge of judges) if (await missing.claim(judge.artifact, batch.index)) claimed.push(judge);
    if (claimed.length === 0) returnPixels(batch.pixels);
    for (const judge of claimed) {
      const last = judge === claimed.at(-1);
      for (let draw = 0; draw < judge.draws; draw++) yield { batch, judge, draw, last };
    }
  }
}

/**
 * What each pass shows the networks is made while they look at what the one before showed. `milliseconds` is what the
 * evaluation spent on that: work on this thread, and waiting for work elsewhere.
 */
async function* inAdvance(
  passes: AsyncIterable<Pass>,
  start: (pass: Pass) => Promise<readonly Shown[]>,
): AsyncGenerator<ShownPass> {
  let ahead: { readonly pass: Pass; readonly shown: Promise<readonly Shown[]>; readonly spent: number } | undefined;
  const finished = async ({ pass, shown, spent }: NonNullable<typeof ahead>) => {
    const since = performance.now();
    return { ...pass, shown: await shown, milliseconds: spent + performance.now() - since };
  };
  for await (const pass of passes) {
    const since = performance.now();
    const shown = start(pass);
    shown.catch(() => undefined); // awaited below, one turn later
    const next = { pass, shown, spent: performance.now() - since };
    if (ahead) yield await finished(ahead);
    ahead = next;
  }
  if (ahead) yield await finished(ahead);
}

async function show(context: PipelineContext, { batch, judge: { path }, draw }: Pass): Promise<readonly Shown[]> {
  if (path.defense) return showThrough(context, path.defense, batch, draw);
  const rows = Array.from(batch.ids.keys());
  return [{ rows, pixels: path.rounded ? rounded(context, batch) : batch.pixels }];
}

interface OpenRow extends PredictionRow {
  readonly draws: Prediction[];
  least?: number;
}

function emptyRows({ ids, labels }: ImageBatch): OpenRow[] {
  return ids.map((id, i) => ({ id, label: labels[i]!, draws: [] }));
}

function droppedRows({ dropped }: ImageBatch): PredictionRow[] {
  return dropped.map(({ id, label, reason }) => ({ id, label, draws: [], dropped: reason }));
}

async function judgePass(
  context: PipelineContext,
  { path }: Judge,
  rows: readonly OpenRow[],
  batch: ImageBatch,
  shown: readonly Shown[],
): Promise<void> {
  if (path.defense) {
    const predicted = await judgeShown(context, path.defense, batch, shown);
    predicted.forEach((prediction, i) => rows[i]!.draws.push(prediction));
    return;
  }
  const predicted = await context.predictor.predict(shown[0]!.pixels);
  refuseAllUnusable(batch, predicted);
  predicted.forEach(({ least, ...prediction }, i) => {
    rows[i]!.draws.push(prediction);
    if (path === AS_THEY_ARE) rows[i]!.least = least;
  });
}

/** One image without an answer is left behind; so many in a row are the fault of the weights. @throws MODEL_NAN */
function refuseAllUnusable({ ids }: ImageBatch, predicted: readonly Prediction[]): void {
  if (predicted.length < MANY || predicted.some(({ unusable }) => unusable === undefined)) return;
  const reason = `${predicted[0]!.unusable} for ${ids[0]}, and so it is with all ${ids.length} images of the batch`;
  throw new ShieldError('MODEL_NAN', { reason });
}

/** The images as their bytes say them, all of them at once: what is done to each sample has nothing to do with its place. */
function rounded({ spec, model }: PipelineContext, { pixels }: ImageBatch): Float32Array {
  const { width } = model.inputSize;
  return toFloatImage(toByteImage({ data: pixels, height: pixels.length / (3 * width), width }, spec.handover)).data;
}
