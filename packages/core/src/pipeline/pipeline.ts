import { ShieldError } from '../errors/index.js';
import type { Artifact } from './artifact-store.js';
import { attackStage } from './attack-stage.js';
import { attackedBatches } from './attacked-images.js';
import { collect, type Collected, type ImageResult } from './collect.js';
import type { PipelineContext, PlannedAttack } from './context.js';
import { defendStage } from './defend-stage.js';
import { inputBatches } from './input-batches.js';
import { AS_THEY_ARE, ROUNDED, judgeStage, type Path, type Source } from './judge.js';
import { attackKey, cleanKey } from './keys.js';
import type { AttackRow, PredictionRow } from './rows.js';
import { isWhole } from './shard.js';
import type { Summary } from './summary/summary.js';
import { withThreats } from './threat/adaptive-summary.js';
import { planAttacks } from './threat/attacker.js';

/** All that the spec performs, and what came of it. */
export async function runPipeline(
  context: PipelineContext,
  onImage: (result: ImageResult) => Promise<void> | void,
): Promise<{ readonly summary: Summary; readonly collected: Collected }> {
  const collected = await computeStages(context);
  const summary = await collect(context, collected, onImage);
  return { summary: withThreats(summary, planAttacks(context), context), collected };
}

/**
 * Attack, defend, evaluate: as many of these as the spec performs. Clean accuracy is always measured first. What one
 * batch of a stage needs is the same batch of the stages before, so that a shard goes through all of them by itself.
 *
 * @returns the artifacts, complete but where the context has a shard only
 */
export async function computeStages(context: PipelineContext): Promise<Collected> {
  const { perform } = context.spec;
  const source = cleanSource(context);
  const clean = await judgeStage(context, source, [AS_THEY_ARE]);
  const cleanPredictions = clean.get(AS_THEY_ARE.name)!;
  if (isWhole(context.shard)) await refuseEmpty(context, cleanPredictions);

  const planned = planAttacks(context);
  const attacked = new Map<string, Artifact<AttackRow>>();
  for (const attack of planned) {
    attacked.set(
      attack.name,
      perform.includes('attack')
        ? await attackStage(context, attack, cleanPredictions)
        : await existing(context, attack, perform.includes('evaluate') ? 'evaluate' : 'defend'),
    );
  }

  const evaluating = perform.includes('evaluate');
  if (perform.includes('defend') && !evaluating) {
    await defendStage(context, source);
    for (const attack of planned.filter(({ against }) => !against))
      await defendStage(context, attackedSource(context, attack, attacked.get(attack.name)!));
  }

  const defenses = evaluating ? context.defenses.map((defense): Path => ({ name: defense.name, defense })) : [];
  const cleanDefended =
    defenses.length > 0 ? await judgeStage(context, source, defenses) : new Map<string, Artifact<PredictionRow>>();
  const attacks: [string, { images: Artifact<AttackRow>; predictions: Map<string, Artifact<PredictionRow>> }][] = [];
  for (const attack of planned) {
    const images = attacked.get(attack.name)!;
    const predictions = await judgeStage(context, attackedSource(context, attack, images), [
      AS_THEY_ARE,
      ROUNDED,
      ...defenses.filter(({ name }) => !attack.against || name === attack.against.name),
    ]);
    attacks.push([attack.name, { images, predictions }]);
  }
  return { clean: new Map([...clean, ...cleanDefended]), attacks: new Map(attacks) };
}

export function cleanSource(context: PipelineContext): Source {
  return {
    name: 'clean',
    key: cleanKey(context),
    batches: (needed) =>
      inputBatches(context.dataset, {
        batch: context.spec.batch,
        size: context.model.inputSize,
        preprocess: context.preprocess,
        onCorrupt: context.onCorrupt,
        classes: context.model.classes - context.model.labelOffset,
        signal: context.signal,
        needed,
      }),
  };
}

export function attackedSource(context: PipelineContext, attack: PlannedAttack, artifact: Artifact<AttackRow>): Source {
  return {
    name: attack.name,
    key: attackKey(context, attack),
    batches: (needed) => attackedBatches(artifact, context.shard, needed),
  };
}

async function existing(context: PipelineContext, attack: PlannedAttack, stage: string): Promise<Artifact<AttackRow>> {
  const artifact = await context.store.open<AttackRow>('attacked', attackKey(context, attack));
  if (await artifact.complete()) return artifact;
  throw new ShieldError('ARTIFACT_MISSING', { stage, needed: 'attack', spec: context.specPath });
}

/** @throws DATASET_EMPTY, or MODEL_NAN where the model has no answer to any image */
async function refuseEmpty(context: PipelineContext, clean: Artifact<PredictionRow>): Promise<void> {
  let unusable: PredictionRow | undefined;
  for await (const { rows } of clean.batches()) {
    const read = rows.filter((row) => row.dropped === undefined);
    if (read.some(({ draws }) => draws[0]!.unusable === undefined)) return;
    unusable ??= read[0];
  }
  if (unusable) {
    const reason = `${unusable.draws[0]!.unusable} for ${unusable.id}, and so it is with every image`;
    throw new ShieldError('MODEL_NAN', { reason });
  }
  throw new ShieldError('DATASET_EMPTY', {
    name: context.spec.dataset.use,
    reason: (await clean.complete())!.batches === 0 ? 'nothing was found' : 'no image could be read',
  });
}
