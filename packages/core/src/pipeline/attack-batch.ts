import * as tf from '@tensorflow/tfjs-core';
import { Random } from '../random/random.js';
import type { AttackInput } from '../plugin/index.js';
import { checkpoint } from '../tracking/time-limit.js';
import type { PipelineContext, PlannedAttack } from './context.js';
import { gridRepair, toGrid } from './grid/grid-repair.js';
import type { ImageBatch } from './input-batches.js';
import { judgeBehind } from './judge-behind.js';
import { distances } from './norms.js';
import type { PassCounter } from './pass-counter.js';
import { place, runAttack } from './run-attack.js';
import { fools, type AttackRow, type LeftOut, type Prediction, type PredictionRow } from './rows.js';
import type { CountedTargetModel } from './target-model.js';
import { targetOf, type TargetOption } from './targets.js';
import type { AttackerView } from './threat/attacker-view.js';
import type { GradientCheck } from './threat/gradient-flow.js';
import { sourceVerdicts } from './threat/source-verdicts.js';

interface CommonOptions {
  readonly labels: 'true' | 'predicted' | true;
  readonly attack_misclassified: boolean;
  readonly target?: TargetOption;
  readonly grid: 'float' | 'uint8';
}

/** What carries out one attack, and what is noted of it. */
export interface Attacker {
  readonly view: AttackerView;
  readonly target: CountedTargetModel;
  readonly counter: PassCounter;
  readonly flow: GradientCheck | undefined;
}

/** Attacks the images of one batch and says what came of each. */
export async function attackBatch(
  context: PipelineContext,
  attack: PlannedAttack,
  { view, target, counter, flow }: Attacker,
  batch: ImageBatch,
  cleanRows: readonly PredictionRow[],
  progress: (share: number) => void,
): Promise<{ rows: AttackRow[]; pixels: Float32Array }> {
  const options = attack.options as unknown as CommonOptions;
  const { height, width } = context.model.inputSize;
  const length = height * width * 3;
  const { labelOffset: offset } = view;
  const usePredicted = options.labels === 'predicted';
  const sources = batch.labels.map((label, i) => (usePredicted ? (cleanRows[i]!.draws[0]!.top[0] ?? label) : label));
  const right = batch.ids.flatMap((_, i) =>
    cleanRows[i]!.draws[0]!.unusable === undefined &&
    (options.attack_misclassified || cleanRows[i]!.draws[0]!.top[0] === sources[i])
      ? [i]
      : [],
  );
  const targets = chooseTargets(context, attack, options.target ?? 'none', right, batch, sources, cleanRows);
  const chosen = targets ? right.filter((i) => targets.has(i)) : right;
  const pixels = batch.pixels.slice();
  const iterations = new Int32Array(batch.ids.length);
  const failures = new Map<number, string>();
  /** The images before they were put on the 8-bit grid. */
  let float: Float32Array | undefined;
  const flags = new Map<number, readonly string[]>();
  const by = new Map<number, string>();
  counter.start(chosen.length);

  if (chosen.length > 0) {
    const images = tf.tensor4d(gather(batch.pixels, chosen, length), [chosen.length, height, width, 3]);
    const labels = Int32Array.from(chosen, (i) => sources[i]! + offset);
    const ids = chosen.map((i) => batch.ids[i]!);
    const input: AttackInput = {
      model: target,
      images,
      labels,
      ...(targets ? { targets: Int32Array.from(chosen, (i) => targets.get(i)! + offset) } : {}),
      ids,
      random: (i, draw = 0) =>
        new Random(context.spec.seed, 'attack', attack.plugin.name, batch.ids[chosen[i]!]!, draw),
      checkpoint: async (at) => {
        if (at) progress(at.done / at.of);
        await checkpoint(context.signal);
      },
    };
    try {
      view.begin?.(ids);
      await flow?.check(images, labels);
      await checkpoint(context.signal);
      const result = await runAttack(context, attack, input);
      chosen.forEach((i, row) => {
        const failure = place(pixels, i * length, result.pixels.subarray(row * length, (row + 1) * length));
        if (failure) failures.set(i, failure);
        iterations[i] = result.iterations[row]!;
        if (result.by?.[row] !== undefined) by.set(i, result.by[row]);
        if (result.flags?.[row]?.length) flags.set(i, result.flags[row]);
      });
      if (options.grid === 'uint8') {
        float = pixels.slice();
        const onGrid = await toGrid(
          input,
          gather(pixels, chosen, length),
          gridRepair(attack.plugin, attack.options, context.spec.handover),
        );
        chosen.forEach((i, row) => pixels.set(onGrid.subarray(row * length, (row + 1) * length), i * length));
      }
    } finally {
      images.dispose();
    }
  }

  await checkpoint(context.signal);
  const judged = await judge(context, attack, batch.ids, pixels);
  const bySource =
    context.source && chosen.length > 0 ? await sourceVerdicts(target, gather(pixels, chosen, length)) : [];
  const judgedFloat = float && (await judge(context, attack, batch.ids, float));
  const rows = batch.ids.map((id, i): AttackRow => {
    const attacked = chosen.includes(i);
    const goal = targets?.get(i);
    const passes = counter.of(chosen.indexOf(i));
    const wanted = { source: sources[i]!, ...(goal === undefined ? {} : { target: goal }) };
    const of = (values: Float32Array) => values.subarray(i * length, (i + 1) * length);
    const failure = failures.get(i) ?? (attacked ? judged[i]!.unusable : undefined);
    const before = float && attacked ? distances(of(batch.pixels), of(float)) : undefined;
    return {
      id,
      label: batch.labels[i]!,
      attacked,
      success: attacked && fools(judged[i]!, wanted),
      ...(context.source && attacked
        ? { successOnSource: fools({ top: [bySource[chosen.indexOf(i)]! - offset], p: 1 }, wanted) }
        : {}),
      source: sources[i]!,
      ...(goal === undefined ? {} : { target: goal }),
      ...distances(of(batch.pixels), of(pixels)),
      iterations: iterations[i]!,
      ...passes,
      ...(before
        ? {
            beforeGrid: {
              success: fools(judgedFloat![i]!, wanted),
              l0: before.l0,
              l1: before.l1,
              l2: before.l2,
              linf: before.linf,
            },
          }
        : {}),
      ...(attacked ? {} : { leftOut: reasonLeftOut(cleanRows[i]!, right.includes(i)) }),
      ...(failure === undefined ? {} : { failure }),
      ...(by.has(i) ? { by: by.get(i)! } : {}),
      ...(flags.has(i) ? { flags: flags.get(i)! } : {}),
    };
  });
  return { rows, pixels };
}

/** @param right whether it would have been attacked but for its target */
function reasonLeftOut({ draws }: PredictionRow, right: boolean): LeftOut {
  if (draws[0]!.unusable !== undefined) return 'unusable';
  return right ? 'target' : 'misclassified';
}

/** By row of the batch; rows without one are of their target class already. */
function chooseTargets(
  context: PipelineContext,
  { name, of }: PlannedAttack,
  option: TargetOption,
  rows: readonly number[],
  batch: ImageBatch,
  sources: readonly number[],
  cleanRows: readonly PredictionRow[],
): Map<number, number> | undefined {
  if (option === 'none') return undefined;
  const table = context.targets.get(of);
  const classes = context.model.classes - context.model.labelOffset;
  const input = { name, option, seed: context.spec.seed, classes, ...(table ? { table } : {}) };
  return new Map(
    rows.flatMap((i) => {
      const target = targetOf(input, batch.ids[i]!, sources[i]!, cleanRows[i]!);
      return target === undefined ? [] : [[i, target] as const];
    }),
  );
}

/** What the model says of the attacked images; of those made against a defense, behind it (its first draw). */
async function judge(
  context: PipelineContext,
  { against }: PlannedAttack,
  ids: readonly string[],
  pixels: Float32Array,
): Promise<readonly Prediction[]> {
  return against ? judgeBehind(context, against, { ids, pixels }, 0) : context.predictor.predict(pixels);
}

function gather(pixels: Float32Array, rows: readonly number[], length: number): Float32Array {
  const out = new Float32Array(rows.length * length);
  rows.forEach((row, i) => out.set(pixels.subarray(row * length, (row + 1) * length), i * length));
  return out;
}
