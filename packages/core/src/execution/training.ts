import { dirname, join } from 'node:path';
import type { Reporter } from '../pipeline/reporter.js';
import { trainModel } from '../pipeline/train.js';
import type { Dataset, Model } from '../plugin/contracts.js';
import { Random } from '../random/random.js';
import type { Preprocess, ResolvedSpec } from '../spec/resolved-spec.js';
import { ShieldError } from '../errors/index.js';
import { makeFolder } from '../files/make-folder.js';
import type { RunContext } from '../tracking/index.js';
import { saveWeights } from '../weights/index.js';

export interface Training {
  readonly context: RunContext;
  readonly spec: ResolvedSpec;
  readonly model: Model;
  readonly dataset: Dataset;
  readonly reporter: Reporter;
}

/**
 * `perform: train`: trains the model and leaves `weights.safetensors` in the run's directory, with the run and the
 * spec's hash in its metadata, and a checkpoint of each epoch.
 *
 * @returns the metrics of the last epoch
 */
export async function performTraining(training: Training): Promise<Record<string, number>> {
  const { context, spec, model, dataset, reporter } = training;
  if (!spec.train) {
    throw new ShieldError('SPEC_MISSING_KEY', {
      key: 'train',
      where: '',
      expected: 'say how to train: train: { epochs: …, learning_rate: … }',
    });
  }
  const images = Math.max(0, (dataset.size ?? 0) - spec.train.validation);
  const imagesInAll = images > 0 ? images * spec.train.epochs : undefined;
  const stage = reporter.stage({ stage: 'train', name: spec.model.use, total: imagesInAll });
  await context.emit({ type: 'stage', stage: 'train', name: spec.model.use, phase: 'start' });
  const started = performance.now();
  const provenance = { run: context.run.id, spec: context.run.hash, model: spec.model.use };
  const epochs = await trainModel({
    model,
    dataset,
    spec: spec.train,
    batch: spec.batch,
    preprocess: spec.dataset['preprocess'] as Preprocess,
    onCorrupt: spec.dataset['on_corrupt'] as 'fail' | 'skip',
    random: (...name) => new Random(spec.seed, ...name),
    signal: context.signal,
    onStep: async ({ epoch, step, steps, loss }) => {
      stage.update(
        images * (epoch - 1 + (((step - 1) % steps) + 1) / steps),
        `epoch ${epoch}, loss ${loss.toFixed(4)}`,
      );
      await context.checkpoint();
    },
    onEpoch: async (metrics) => {
      const { epoch, trainLoss, trainAccuracy, validationLoss, validationAccuracy, learningRate } = metrics;
      const values = { trainLoss, trainAccuracy, validationLoss, validationAccuracy, learningRate };
      for (const [key, value] of Object.entries(values)) {
        if (value !== undefined) await context.emit({ type: 'metric', key: `train/${snake(key)}`, value, step: epoch });
      }
      const held = validationAccuracy === undefined ? '' : `, validation ${percent(validationAccuracy)}`;
      const checkpoint = join(context.run.path, 'checkpoints', `epoch-${String(epoch).padStart(3, '0')}.safetensors`);
      await makeFolder(dirname(checkpoint));
      await saveWeights(model, checkpoint, provenance);
      reporter.log(`epoch ${epoch}: loss ${trainLoss.toFixed(4)}, training ${percent(trainAccuracy)}${held}`);
    },
  });
  stage.end();
  await context.emit({
    type: 'stage',
    stage: 'train',
    name: spec.model.use,
    phase: 'end',
    seconds: (performance.now() - started) / 1000,
  });
  const path = join(context.run.path, 'weights.safetensors');
  await saveWeights(model, path, provenance);
  await context.emit({ type: 'artifact', kind: 'weights', key: spec.model.use, path });
  const last = epochs.at(-1);
  return {
    ...(last ? { 'train/loss': last.trainLoss, 'train/accuracy': last.trainAccuracy } : {}),
    ...(last?.validationAccuracy === undefined ? {} : { 'validation/accuracy': last.validationAccuracy }),
  };
}

function percent(value: number): string {
  return `${(100 * value).toFixed(1)} %`;
}

function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
