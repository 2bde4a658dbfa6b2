import * as tf from '@tensorflow/tfjs-core';
import { toByteImage, toFloatImage } from '../images/quantize.js';
import type { FloatImage } from '../plugin/contracts.js';
import type { DefensePlugin } from '../plugin/index.js';
import { defend } from './apply-defense.js';
import type { Artifact, ArtifactKey } from './artifact-store.js';
import type { Chosen, PipelineContext } from './context.js';
import type { ImageBatch } from './input-batches.js';
import { judgedKey } from './keys.js';
import type { Prediction, PredictionRow } from './rows.js';

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
  readonly defense?: Chosen<DefensePlugin>;
}

export const AS_THEY_ARE: Path = { name: 'none' };
export const ROUNDED: Path = { name: '8 bits', rounded: true };

interface Judge {
  readonly path: Path;
  readonly draws: number;
  readonly artifact: Artifact<PredictionRow>;
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
  const judges: Judge[] = [];
  for (const path of paths) {
    const draws = path.defense?.plugin.random ? context.spec.evaluate.draws : 1;
    const key = judgedKey(context, source.key, { ...path, draws });
    judges.push({ path, draws, artifact: await context.store.open<PredictionRow>('predictions', key) });
  }
  const artifacts = new Map(judges.map((judge) => [judge.path.name, judge.artifact]));
  const missing: Judge[] = [];
  for (const judge of judges) if (!(await judge.artifact.complete())) missing.push(judge);
  const info = { stage: 'evaluate', name: source.name };
  if (missing.length === 0) {
    await context.emit({ type: 'stage', ...info, phase: 'reused' });
    return artifacts;
  }
  await context.emit({ type: 'stage', ...info, phase: 'start' });
  const started = performance.now();
  await withAllLocked(context, missing, () => judgeMissing(context, source, missing));
  await context.emit({ type: 'stage', ...info, phase: 'end', seconds: (performance.now() - started) / 1000 });
  for (const { artifact } of missing) {
    await context.emit({ type: 'artifact', kind: 'predictions', key: artifact.hash, path: artifact.path });
  }
  return artifacts;
}

/** Locks are taken in the order of the folders' names, so that two runs never wait for each other. */
async function withAllLocked(
  context: PipelineContext,
  judges: readonly Judge[],
  compute: () => Promise<void>,
): Promise<void> {
  const ordered = [...judges].sort((a, b) => (a.artifact.name < b.artifact.name ? -1 : 1));
  const wait = () => context.reporter.log('another run computes the same predictions; waiting');
  const nested = ordered.reduceRight<() => Promise<void>>(
    (inner, judge) => () => judge.artifact.exclusively(context.signal, wait, inner),
    compute,
  );
  await nested();
}

async function judgeMissing(context: PipelineContext, source: Source, judges: readonly Judge[]): Promise<void> {
  const stage = context.reporter.stage({ stage: 'evaluate', name: source.name, total: context.dataset.size });
  const tally = new Map(judges.map((judge) => [judge, { hits: 0, n: 0 }]));
  let count = 0;
  const needed = (index: number) => {
    count = Math.max(count, index + 1);
    return judges.some((judge) => !judge.artifact.has(index));
  };
  let done = 0;
  for await (const batch of source.batches(needed)) {
    context.signal.throwIfAborted();
    for (const judge of judges) {
      if (judge.artifact.has(batch.index)) continue;
      const started = performance.now();
      const rows = await judgeBatch(context, judge, batch);
      await judge.artifact.write(batch.index, rows, (performance.now() - started) / 1000);
      const entry = tally.get(judge)!;
      for (const row of rows.filter((each) => each.dropped === undefined)) {
        entry.n++;
        entry.hits += row.draws.filter((draw) => draw.top[0] === row.label).length / row.draws.length;
      }
    }
    done = Math.min(context.dataset.size ?? Infinity, (batch.index + 1) * context.spec.batch);
    stage.update(done, noteOf(tally));
    await context.emit({
      type: 'batch',
      stage: 'evaluate',
      name: source.name,
      batch: batch.index,
      done,
      of: context.dataset.size ?? done,
      tensors: tf.memory().numTensors,
    });
  }
  for (const judge of judges) await judge.artifact.finish(count);
  stage.end(noteOf(tally));
}

/** The running top-1 accuracy of each path. */
function noteOf(tally: ReadonlyMap<Judge, { readonly hits: number; readonly n: number }>): string {
  return [...tally]
    .map(([judge, { hits, n }]) => `${judge.path.name} ${n === 0 ? '–' : `${((100 * hits) / n).toFixed(0)} %`}`)
    .join('  ');
}

async function judgeBatch(context: PipelineContext, judge: Judge, batch: ImageBatch): Promise<PredictionRow[]> {
  const draws: Prediction[][] = batch.ids.map(() => []);
  const least: (number | undefined)[] = [];
  for (let draw = 0; draw < judge.draws; draw++) {
    const pixels = await pixelsBy(context, judge.path, batch, draw);
    const predicted = await context.predictor.predict(pixels);
    predicted.forEach(({ top, p, least: smallest }, i) => {
      draws[i]!.push({ top, p });
      least[i] = smallest;
    });
  }
  const direct = judge.path === AS_THEY_ARE;
  const rows = batch.ids.map((id, i): PredictionRow => ({
    id,
    label: batch.labels[i]!,
    draws: draws[i]!,
    ...(direct ? { least: least[i]! } : {}),
  }));
  const dropped = batch.dropped.map(({ id, label, reason }): PredictionRow => ({
    id,
    label,
    draws: [],
    dropped: reason,
  }));
  return [...rows, ...dropped];
}

async function pixelsBy(context: PipelineContext, path: Path, batch: ImageBatch, draw: number): Promise<Float32Array> {
  const { height, width } = context.model.inputSize;
  const length = height * width * 3;
  if (!path.defense && !path.rounded) return batch.pixels;
  const out = new Float32Array(batch.pixels.length);
  await Promise.all(
    batch.ids.map(async (id, i) => {
      const image: FloatImage = { data: batch.pixels.subarray(i * length, (i + 1) * length), height, width };
      const result = path.defense
        ? await defend(context, path.defense, image, id, draw)
        : toFloatImage(toByteImage(image, context.spec.handover));
      out.set(result.data, i * length);
    }),
  );
  return out;
}
