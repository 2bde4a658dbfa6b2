import * as tf from '@tensorflow/tfjs-core';
import { attackBatch } from './attack-batch.js';
import type { Artifact } from './artifact-store.js';
import { worthCapturing } from './capture-worth.js';
import { writeImages } from './attacked-images.js';
import { inputBatches, type ImageBatch } from './input-batches.js';
import { attackCost } from './attack-cost.js';
import { attackKey } from './keys.js';
import { MissingBatches } from './missing-batches.js';
import { PassCounter } from './pass-counter.js';
import { returnPixels } from './pixel-memory.js';
import type { PipelineContext, PlannedAttack } from './context.js';
import type { AttackRow, PredictionRow } from './rows.js';
import { imagesIn, imagesUpTo } from './shard.js';
import { StageOnDemand } from './stage-on-demand.js';
import { createTargetModel } from './target-model.js';
import { attackerView } from './threat/attacker.js';
import type { AttackerView } from './threat/attacker-view.js';
import { FirstGradient, GradientFlow, type GradientCheck } from './threat/gradient-flow.js';

/**
 * Makes the attacked images of one attack, batch by batch, where they are not there yet. Images that the model gets
 * wrong already pass through unchanged and are counted apart.
 */
export async function attackStage(
  context: PipelineContext,
  attack: PlannedAttack,
  clean: Artifact<PredictionRow>,
): Promise<Artifact<AttackRow>> {
  const artifact = await context.store.open<AttackRow>('attacked', attackKey(context, attack));
  const info = { stage: 'attack', name: attack.name };
  if (await artifact.complete()) {
    await context.emit({ type: 'stage', ...info, phase: 'reused' });
    context.reporter.log(`attack ${attack.name}: taken from ${artifact.name}`);
    await told(context, attack, artifact);
    return artifact;
  }
  await context.emit({ type: 'stage', ...info, phase: 'start' });
  const started = performance.now();
  await computeMissing(context, attack, clean, artifact);
  await context.emit({ type: 'stage', ...info, phase: 'end', seconds: (performance.now() - started) / 1000 });
  await told(context, attack, artifact);
  return artifact;
}

/** Notes which attack the images are of: the artifact itself, which other runs share, does not know its name here. */
async function told(context: PipelineContext, { name }: PlannedAttack, artifact: Artifact<AttackRow>): Promise<void> {
  const { hash, path } = artifact;
  await context.emit({ type: 'artifact', kind: 'attacked', key: hash, path, name });
}

async function computeMissing(
  context: PipelineContext,
  attack: PlannedAttack,
  clean: Artifact<PredictionRow>,
  artifact: Artifact<AttackRow>,
): Promise<void> {
  const total = context.dataset.size;
  const batches = Math.ceil((total ?? Infinity) / context.spec.batch);
  const { shard } = context;
  const { batch: size } = context.spec;
  const mine = imagesIn(shard, size, total);
  const stage = new StageOnDemand(context.reporter, { stage: 'attack', name: attack.name, total: mine });
  const counter = new PassCounter();
  const capture = worthCapturing(attackCost(attack), Math.min(batches * context.spec.batch, total ?? Infinity));
  const view = attackerView(context, attack, capture);
  const target = createTargetModel({
    view,
    backend: context.backend,
    capture,
    count: (rows, cost) => counter.add(rows, cost),
  });
  const flow = gradientCheck(context, attack, view);
  try {
    let done = 0;
    let fooled = 0;
    let tried = 0;
    const missing = new MissingBatches(context, [artifact]);
    const input = {
      batch: context.spec.batch,
      size: context.model.inputSize,
      preprocess: context.preprocess,
      onCorrupt: context.onCorrupt,
      classes: context.model.classes - context.model.labelOffset,
      signal: context.signal,
      needed: missing.needed,
    };
    const pass = async () => {
      for await (const batch of inputBatches(context.dataset, input)) {
        if (await missing.claim(artifact, batch.index)) await compute(batch);
        returnPixels(batch.pixels);
      }
    };
    const compute = async (batch: ImageBatch) => {
      stage.begin();
      const started = performance.now();
      const cleanRows = (await clean.read(batch.index)).rows.filter((row) => row.dropped === undefined);
      const within = (share: number) => stage.update(done + share * batch.ids.length, note(fooled, tried));
      const attacker = { view, target, counter, flow };
      const { rows, pixels } = await attackBatch(context, attack, attacker, batch, cleanRows, within);
      const seconds = (performance.now() - started) / 1000;
      await artifact.write(batch.index, rows, seconds, (path) =>
        writeImages(path, batch, pixels, context.model.inputSize),
      );
      missing.written(artifact, batch.index);
      done = imagesUpTo(shard, batch.index, size, total);
      tried += rows.filter((row) => row.attacked).length;
      fooled += rows.filter((row) => row.attacked && row.success).length;
      stage.update(done, note(fooled, tried));
      await context.emit({
        type: 'batch',
        stage: 'attack',
        name: attack.name,
        batch: batch.index,
        done,
        of: mine ?? done,
        tensors: tf.memory().numTensors,
      });
    };
    const wait = () => context.reporter.log(`attack ${attack.name}: others compute the rest of it; waiting`);
    await missing.fill(pass, wait);
    if (flow?.warning !== undefined) {
      context.reporter.warn(flow.warning);
      await context.emit({ type: 'log', level: 'warn', message: flow.warning });
    }
    stage.end(note(fooled, tried));
  } finally {
    target.dispose();
    view.dispose();
  }
}

function gradientCheck(
  { spec, source }: PipelineContext,
  attack: PlannedAttack,
  view: AttackerView,
): GradientCheck | undefined {
  if (attack.plugin.needs !== 'gradients') return undefined;
  return attack.against
    ? new GradientFlow(view, attack)
    : new FirstGradient(view, attack, source?.name ?? spec.model.use);
}

function note(fooled: number, tried: number): string {
  return tried === 0 ? '' : `fooled ${fooled}/${tried}`;
}
