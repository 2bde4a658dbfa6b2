import { join } from 'node:path';
import type { Backend } from '../backend/backend.js';
import { ShieldError } from '../errors/index.js';
import type { Chain } from '../pipeline/defenses.js';
import type { Reporter, StageReporter } from '../pipeline/reporter.js';
import type { Dataset, Model } from '../plugin/contracts.js';
import type { Preprocess, ResolvedSpec } from '../spec/resolved-spec.js';
import type { RunContext } from '../tracking/index.js';
import { trainModel, type EpochMetrics, type TrainProgress } from '../training/train.js';
import { saveWeights } from '../weights/index.js';
import { checkpointPath, loadCheckpoint, restoreCheckpoint, writeCheckpoint } from './checkpoints.js';
import { TRAINED_WEIGHTS } from './trained-weights.js';
import { writeTrainingCurves } from './training-curves.js';

export interface Training {
  readonly context: RunContext;
  readonly spec: ResolvedSpec;
  readonly model: Model;
  readonly dataset: Dataset;
  /** What every image goes through. */
  readonly defenses: readonly Chain[];
  readonly backend: Backend;
  readonly reporter: Reporter;
}

/**
 * `perform: train`: trains the model and leaves `weights.safetensors` in the run's directory, with the run and the
 * spec's hash in its metadata, a checkpoint of each epoch, and the curves. Goes on from the newest checkpoint that is
 * there, to the same weights, bit for bit.
 *
 * @returns the metrics of the epoch whose weights are kept
 */
export async function performTraining(training: Training): Promise<Record<string, number>> {
  const { context, spec, model, dataset, backend, reporter } = training;
  const { train } = spec;
  if (!train) {
    throw new ShieldError('SPEC_MISSING_KEY', {
      key: 'train',
      where: '',
      expected: 'say how to train: train: { epochs: …, learning_rate: … }',
    });
  }
  const folder = join(context.run.path, 'checkpoints');
  const provenance = provenanceOf(training);
  const name = spec.model.use;
  await context.emit({ type: 'stage', stage: 'train', name, phase: 'start' });
  const started = performance.now();
  let stage: StageReporter | undefined;
  let newest: string | undefined;
  const { history, best } = await trainModel({
    model,
    dataset,
    defenses: training.defenses,
    backend,
    spec: train,
    seed: spec.seed,
    handover: spec.handover,
    batch: spec.batch,
    preprocess: spec.dataset['preprocess'] as Preprocess,
    onCorrupt: spec.dataset['on_corrupt'] as 'fail' | 'skip',
    signal: context.signal,
    restore: async (slots) => {
      const position = await restoreCheckpoint(folder, model, slots, (message) => reporter.warn(message));
      if (position) {
        newest = checkpointPath(folder, position.history.length);
        const done = position.history.length;
        reporter.log(`${done === 1 ? 'epoch 1 is' : `epochs 1 to ${done} are`} done: going on from its checkpoint`);
      }
      return position;
    },
    onStep: async (progress) => {
      const epochs = `${train.epochs} ${train.epochs === 1 ? 'epoch' : 'epochs'}`;
      stage ??= reporter.stage({ stage: 'train', name: epochs, total: progress.images.of });
      stage.update(progress.images.done, note(progress));
      await context.checkpoint();
    },
    onEpoch: async (metrics, position, slots) => {
      newest = await writeCheckpoint(folder, model, position, slots, provenance);
      const step = metrics.epoch;
      // At once: they share one flush of the journal.
      await Promise.all(
        Object.entries(figures(metrics)).map(([key, value]) =>
          context.emit({ type: 'metric', key: `train/${key}`, value, step }),
        ),
      );
      reporter.log(describe(metrics, train.epochs));
    },
  }).catch((error: unknown) => {
    throw withCheckpoint(error, newest);
  });
  stage?.end(history.length < train.epochs ? `ended early, after epoch ${history.length}` : undefined);
  const kept = train.patience > 0 ? best : history.length;
  if (kept < history.length) {
    await loadCheckpoint(checkpointPath(folder, kept), model);
    reporter.log(`the weights are those of epoch ${kept}, the best on the images held out`);
  }
  const seconds = (performance.now() - started) / 1000;
  await context.emit({ type: 'stage', stage: 'train', name, phase: 'end', seconds });
  const path = join(context.run.path, TRAINED_WEIGHTS);
  await saveWeights(model, path, { ...provenance, epoch: String(kept), figures: JSON.stringify(history[kept - 1]) });
  await context.emit({ type: 'artifact', kind: 'weights', key: name, path });
  await writeTrainingCurves(history, context.run.path);
  return finalFigures(history[kept - 1]);
}

/** Says what is left of a training that went wrong. */
function withCheckpoint(error: unknown, newest: string | undefined): unknown {
  if (!(error instanceof ShieldError && error.code === 'TRAINING_DIVERGED')) return error;
  const kept = newest ? `the weights of the epoch before stand in ${newest}` : 'no epoch was finished';
  return new ShieldError('TRAINING_DIVERGED', { ...error.params, kept });
}

/** Where the weights come from, for their file's metadata; `model` and `options` suffice to load them again. */
function provenanceOf({ context, spec, model, dataset, defenses }: Training): Record<string, string> {
  const { use, ...options } = spec.model;
  return {
    run: context.run.id,
    spec: context.run.hash,
    model: use,
    options: JSON.stringify(options),
    classes: String(model.classes),
    ...(dataset.classNames ? { class_names: JSON.stringify(dataset.classNames) } : {}),
    from: model.weightsDigest,
    defense: JSON.stringify(defenses.map(written)),
    train: JSON.stringify(spec.train),
    dataset: JSON.stringify(spec.dataset),
    seed: String(spec.seed),
    batch: String(spec.batch),
  };
}

/** The classes that trained weights tell apart, where their metadata names them. */
export function classNamesIn({ class_names: json }: Readonly<Record<string, string>>): readonly string[] | undefined {
  return json === undefined ? undefined : (JSON.parse(json) as readonly string[]);
}

/** A defense as a spec says it: one plugin, or a list of them. */
function written({ steps }: Chain): unknown {
  const uses = steps.map(({ plugin, options }) => ({ use: plugin.name, ...options }));
  return uses.length === 1 ? uses[0] : uses;
}

function figures({ trainLoss, trainAccuracy, validationLoss, validationAccuracy, learningRate }: EpochMetrics) {
  return {
    train_loss: trainLoss,
    train_accuracy: trainAccuracy,
    ...(validationLoss === undefined ? {} : { validation_loss: validationLoss }),
    ...(validationAccuracy === undefined ? {} : { validation_accuracy: validationAccuracy }),
    learning_rate: learningRate,
  };
}

function finalFigures(metrics: EpochMetrics | undefined): Record<string, number> {
  if (!metrics) return {};
  const { trainLoss, trainAccuracy, validationAccuracy } = metrics;
  return {
    'train/loss': trainLoss,
    'train/accuracy': trainAccuracy,
    ...(validationAccuracy === undefined ? {} : { 'validation/accuracy': validationAccuracy }),
  };
}

function note({ epoch, loss, accuracy }: TrainProgress): string {
  return `epoch ${epoch} loss ${loss.toPrecision(2)} ${percent(accuracy)}`;
}

function describe(metrics: EpochMetrics, epochs: number): string {
  const { epoch, trainLoss, trainAccuracy, validationLoss, validationAccuracy, seconds } = metrics;
  const held =
    validationAccuracy === undefined
      ? ''
      : `, held out: loss ${validationLoss!.toFixed(4)}, ${percent(validationAccuracy)}`;
  return `epoch ${epoch}/${epochs}: loss ${trainLoss.toFixed(4)}, ${percent(trainAccuracy)}${held}, ${Math.round(seconds)} s`;
}

function percent(value: number): string {
  return `${(100 * value).toFixed(1)} %`;
}
