import * as tf from '@tensorflow/tfjs-core';
import type { Backend } from '../backend/backend.js';
import { ShieldError } from '../errors/index.js';
import type { Dataset, DatasetItem, Model } from '../plugin/contracts.js';
import { Random } from '../random/random.js';
import type { TrainSpec } from '../spec/resolved-spec.js';
import { learningRateAt } from './schedule.js';
import { createStepper, type Stepper } from './step.js';
import { checkLabels, trainingBatches, type TrainingImages } from './training-images.js';

export interface TrainOptions extends Omit<TrainingImages, 'train' | 'model'> {
  /** One with `training`; its variables are changed in place. */
  readonly model: Model;
  /** Its last `spec.validation` images are held out. */
  readonly dataset: Dataset;
  readonly spec: TrainSpec;
  readonly backend: Backend;
  /** Puts the variables and slots of an earlier, unfinished training in their places; says where that stood. */
  readonly restore?: (slots: Readonly<Record<string, tf.Variable>>) => Promise<TrainingPosition | undefined>;
  /** Called after every step. */
  readonly onStep?: (progress: TrainProgress) => void | Promise<void>;
  /** Called after every epoch, with the variables as they are then. */
  readonly onEpoch?: (
    metrics: EpochMetrics,
    position: TrainingPosition,
    slots: Readonly<Record<string, tf.Variable>>,
  ) => void | Promise<void>;
}

export interface TrainProgress {
  /** From 1. */
  readonly epoch: number;
  /** Steps done, of all epochs. */
  readonly step: number;
  readonly steps: number;
  readonly loss: number;
  /** Over the epoch so far, while the variables change. */
  readonly accuracy: number;
  /** Training images done and to do in this process. */
  readonly images: { readonly done: number; readonly of: number };
}

export interface EpochMetrics {
  /** From 1. */
  readonly epoch: number;
  readonly learningRate: number;
  /** Means over the training images, while the variables change. */
  readonly trainLoss: number;
  readonly trainAccuracy: number;
  /** Over the images held out, if there are any: cross-entropy without smoothing, and top-1. */
  readonly validationLoss?: number;
  readonly validationAccuracy?: number;
  readonly seconds: number;
}

/** Where a training stands after an epoch. */
export interface TrainingPosition {
  /** Of every epoch done. */
  readonly history: readonly EpochMetrics[];
  /** Steps done. */
  readonly step: number;
  /** The epoch with the highest validation accuracy, the first of equals; the last one where nothing is held out. */
  readonly best: number;
}

/**
 * Trains a model: mini-batches in an order that is shuffled anew each epoch (images that do not fill the last one sit
 * out), cross-entropy with label smoothing, SGD with momentum or Adam. Reads the dataset and changes the model's
 * variables; touches no file.
 *
 * @returns where it ended: after all epochs, or once `spec.patience` epochs brought nothing better
 * @throws TRAINING_DIVERGED where the loss is no number; the variables are then those of the last finished epoch
 * @throws TRAINING_IMPOSSIBLE for a model that cannot be trained, or without images to train on
 * @throws LABEL_OUT_OF_RANGE where the classifier has no class for an image
 */
export async function trainModel(options: TrainOptions): Promise<TrainingPosition> {
  const { model, spec, backend } = options;
  checkTrainable(model, spec);
  const items: DatasetItem[] = [];
  for await (const item of options.dataset.items()) items.push(item);
  checkLabels(items, model);
  const training = items.slice(0, Math.max(0, items.length - spec.validation));
  const held = items.slice(training.length);
  if (training.length === 0) {
    const reason = `of ${items.length} images, ${spec.validation} are held out for validation`;
    throw new ShieldError('TRAINING_IMPOSSIBLE', { reason });
  }
  const stepper = createStepper(model, backend, spec);
  const { slots } = stepper.optimizer;
  const variables = Object.values(model.training!.variables);
  let lastGood: tf.Tensor[] = [];
  try {
    let position = (await options.restore?.(slots)) ?? { history: [], step: 0, best: 0 };
    lastGood = snapshot(variables);
    const work = { ...options, stepper, training, from: position.history.length };
    while (position.history.length < spec.epochs && !isStale(position, spec)) {
      const epoch = position.history.length + 1;
      const started = performance.now();
      const trained = await trainEpoch(epoch, position.step, work);
      const validation = held.length === 0 ? undefined : await validate(stepper, held, options);
      if (variables.some(hasNonFinite) || (validation && !Number.isFinite(validation.validationLoss))) {
        throw diverged(NaN, trained.step);
      }
      const { step, ...figures } = trained;
      const metrics = { epoch, ...figures, ...validation, seconds: (performance.now() - started) / 1000 };
      position = { history: [...position.history, metrics], step, best: bestOf([...position.history, metrics]) };
      tf.dispose(lastGood);
      lastGood = snapshot(variables);
      await options.onEpoch?.(metrics, position, slots);
    }
    return position;
  } catch (error) {
    if (error instanceof ShieldError && error.code === 'TRAINING_DIVERGED') {
      variables.forEach((variable, i) => variable.assign(lastGood[i]!));
    }
    throw error;
  } finally {
    stepper.dispose();
    tf.dispose(lastGood);
  }
}

type Work = TrainOptions & {
  readonly stepper: Stepper;
  readonly training: readonly DatasetItem[];
  /** Epochs that an earlier process did. */
  readonly from: number;
};

async function trainEpoch(epoch: number, stepsBefore: number, work: Work) {
  const { training, spec, seed, batch, stepper } = work;
  const stepsAnEpoch = Math.max(1, Math.floor(training.length / batch));
  const used = Math.min(training.length, stepsAnEpoch * batch);
  const steps = stepsAnEpoch * spec.epochs;
  const order = new Random(seed, 'train', 'shuffle', epoch).permutation(training.length);
  const shuffled = Array.from(order.subarray(0, used), (i) => training[i]!);
  const sum = { loss: 0, right: 0, images: 0 };
  let step = stepsBefore;
  let learningRate = 0;
  for await (const images of trainingBatches(shuffled, epoch, { ...work, train: spec })) {
    learningRate = learningRateAt(step, steps, stepsAnEpoch, spec);
    if (images.labels.length > 0) {
      const stream = (i: number) => [seed, 'train', 'dropout', epoch, images.ids[i]!];
      const { loss, right } = await stepper.train(images, { step, learningRate }, stream);
      if (!Number.isFinite(loss)) throw diverged(loss, step + 1);
      sum.loss += loss * images.labels.length;
      sum.right += right;
      sum.images += images.labels.length;
    }
    step++;
    await work.onStep?.({
      epoch,
      step,
      steps,
      loss: sum.loss / sum.images,
      accuracy: sum.right / sum.images,
      images: {
        done: used * (epoch - 1 - work.from) + Math.min(used, (step - stepsBefore) * batch),
        of: used * (spec.epochs - work.from),
      },
    });
  }
  return { step, learningRate, trainLoss: sum.loss / sum.images, trainAccuracy: sum.right / sum.images };
}

async function validate(
  stepper: Stepper,
  held: readonly DatasetItem[],
  options: TrainOptions,
): Promise<{ validationLoss: number; validationAccuracy: number }> {
  let [lossSum, rightSum, count] = [0, 0, 0];
  for await (const images of trainingBatches(held, 0, { ...options, train: options.spec })) {
    if (images.labels.length === 0) continue;
    const { loss, right } = await stepper.validate(images);
    lossSum += loss * images.labels.length;
    rightSum += right;
    count += images.labels.length;
  }
  return { validationLoss: lossSum / count, validationAccuracy: rightSum / count };
}

function diverged(value: number, step: number): ShieldError {
  return new ShieldError('TRAINING_DIVERGED', { value, step, kept: 'the model has the weights of the epoch before' });
}

function checkTrainable(model: Model, spec: TrainSpec): void {
  const refuse = (reason: string) => new ShieldError('TRAINING_IMPOSSIBLE', { reason });
  if (!model.training) throw refuse('this model has no trainable form');
  if (spec.layers === 'head' && model.training.head.length === 0) throw refuse('this model names no classifier');
  if (spec.patience > 0 && spec.validation === 0) {
    throw refuse('train.patience looks at validation accuracy, and train.validation holds no images out');
  }
}

/** Whether nothing better came for so many epochs that training ends. */
function isStale({ history, best }: TrainingPosition, { patience }: TrainSpec): boolean {
  return patience > 0 && history.length - best >= patience;
}

function bestOf(history: readonly EpochMetrics[]): number {
  return history.reduce(
    (best, { epoch, validationAccuracy }) =>
      validationAccuracy === undefined || validationAccuracy > (history[best - 1]?.validationAccuracy ?? -1)
        ? epoch
        : best,
    0,
  );
}

function snapshot(variables: readonly tf.Variable[]): tf.Tensor[] {
  return variables.map((variable) => tf.clone(variable as tf.Tensor));
}

function hasNonFinite(variable: tf.Variable): boolean {
  return variable.dataSync().some((value) => !Number.isFinite(value));
}
