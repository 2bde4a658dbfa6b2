import * as tf from '@tensorflow/tfjs-core';
import { ShieldError } from '../errors/index.js';
import type { Dataset, DatasetItem, Model } from '../plugin/contracts.js';
import type { Random } from '../random/random.js';
import type { Preprocess, TrainSpec } from '../spec/resolved-spec.js';
import { inputBatches, type ImageBatch } from './input-batches.js';
import { createOptimizer, learningRateAt } from './optimizer.js';
import { rememberImages } from './remember-images.js';

export interface TrainOptions {
  /** One with `training`; its variables are changed in place. */
  readonly model: Model;
  /** Its last `spec.validation` images are held out. */
  readonly dataset: Dataset;
  readonly spec: TrainSpec;
  readonly batch: number;
  readonly preprocess: Preprocess;
  readonly onCorrupt: 'fail' | 'skip';
  /** The named stream for shuffles and dropout. */
  random(...name: readonly (string | number)[]): Random;
  readonly signal: AbortSignal;
  /** Called after every step. */
  readonly onStep?: (progress: TrainProgress) => void | Promise<void>;
  /** Called after every epoch, with the variables as they are then. */
  readonly onEpoch?: (metrics: EpochMetrics) => void | Promise<void>;
}

export interface TrainProgress {
  readonly epoch: number;
  readonly step: number;
  readonly steps: number;
  readonly loss: number;
}

export interface EpochMetrics {
  /** From 1. */
  readonly epoch: number;
  readonly learningRate: number;
  /** Means over the training images, each seen once, while the variables change. */
  readonly trainLoss: number;
  readonly trainAccuracy: number;
  /** Over the images held out, if there are any: cross-entropy without smoothing, and top-1. */
  readonly validationLoss?: number;
  readonly validationAccuracy?: number;
  readonly seconds: number;
}

/**
 * Trains a model: mini-batches in an order that is shuffled anew each epoch, cross-entropy with label smoothing, SGD
 * with momentum or Adam, weight decay apart from the gradient (Loshchilov & Hutter, ICLR 2019, arXiv:1711.05101).
 * Reads the dataset and changes the model's variables; touches no file.
 *
 * @returns the metrics of every epoch
 * @throws TRAINING_DIVERGED where the loss is no number; the variables are then those of the last finished epoch
 * @throws TRAINING_IMPOSSIBLE for a model that cannot be trained, or without images to train on
 */
export async function trainModel(options: TrainOptions): Promise<readonly EpochMetrics[]> {
  const { model, spec } = options;
  if (!model.training) throw new ShieldError('TRAINING_IMPOSSIBLE', { reason: 'this model has no trainable form' });
  const items = await rememberImages(options.dataset);
  const training = items.slice(0, Math.max(0, items.length - spec.validation));
  const held = items.slice(training.length);
  if (training.length === 0) {
    const reason = `of ${items.length} images, ${spec.validation} are held out for validation`;
    throw new ShieldError('TRAINING_IMPOSSIBLE', { reason });
  }
  const variables = Object.values(model.training.variables);
  const optimizer = createOptimizer(spec);
  const stepsAnEpoch = Math.ceil(training.length / options.batch);
  const steps = stepsAnEpoch * spec.epochs;
  const history: EpochMetrics[] = [];
  let lastGood = snapshot(variables);
  let step = 0;
  try {
    for (let epoch = 1; epoch <= spec.epochs; epoch++) {
      const started = performance.now();
      const sum = { loss: 0, right: 0, images: 0 };
      const order = options.random('train', 'shuffle', epoch).permutation(training.length);
      const shuffled = Array.from(order, (i) => training[i]!);
      let learningRate = 0;
      for await (const batch of batches(shuffled, options)) {
        learningRate = learningRateAt(step, steps, spec);
        optimizer.setLearningRate(learningRate);
        const random = options.random('train', 'step', step);
        const { loss, right } = await trainStep(model, batch, optimizer, learningRate, random, spec);
        if (!Number.isFinite(loss)) throw new ShieldError('TRAINING_DIVERGED', { value: loss, step });
        sum.loss += loss * batch.labels.length;
        sum.right += right;
        sum.images += batch.labels.length;
        step++;
        await options.onStep?.({ epoch, step, steps, loss });
      }
      const validation = held.length === 0 ? undefined : await validate(model, held, options);
      if (variables.some(hasNonFinite) || (validation && !Number.isFinite(validation.validationLoss))) {
        throw new ShieldError('TRAINING_DIVERGED', { value: NaN, step });
      }
      const trained = { trainLoss: sum.loss / sum.images, trainAccuracy: sum.right / sum.images };
      const seconds = (performance.now() - started) / 1000;
      const metrics = { epoch, learningRate, ...trained, ...validation, seconds };
      history.push(metrics);
      tf.dispose(lastGood);
      lastGood = snapshot(variables);
      await options.onEpoch?.(metrics);
    }
    return history;
  } catch (error) {
    if (error instanceof ShieldError && error.code === 'TRAINING_DIVERGED') {
      variables.forEach((variable, i) => variable.assign(lastGood[i]!));
    }
    throw error;
  } finally {
    optimizer.dispose();
    tf.dispose(lastGood);
  }
}

function batches(items: readonly DatasetItem[], options: TrainOptions): AsyncIterable<ImageBatch> {
  const { model, batch, preprocess, onCorrupt, signal, dataset } = options;
  const view: Dataset = {
    size: items.length,
    fingerprint: () => dataset.fingerprint(),
    items: async function* () {
      yield* items;
    },
  };
  const classes = model.classes - model.labelOffset;
  return inputBatches(view, {
    batch,
    size: model.inputSize,
    preprocess,
    onCorrupt,
    classes,
    signal,
    needed: () => true,
  });
}

/** One step down the gradient of the batch's mean loss. Where that is no number, the variables stay as they are. */
async function trainStep(
  model: Model,
  batch: ImageBatch,
  optimizer: tf.Optimizer,
  learningRate: number,
  random: Random,
  spec: TrainSpec,
): Promise<{ loss: number; right: number }> {
  const variables = Object.values(model.training!.variables);
  const images = toTensor(model, batch);
  const labels = tf.tensor1d(
    batch.labels.map((label) => label + model.labelOffset),
    'int32',
  );
  let right: tf.Tensor | undefined;
  const { value, grads } = tf.variableGrads(() => {
    const logits = model.training!.logits(images, random);
    right = tf.keep(rightOnes(logits, labels));
    return crossEntropy(logits, labels, spec.label_smoothing);
  }, variables);
  const [loss, rightCount] = await Promise.all([value.data(), right!.data()]);
  if (Number.isFinite(loss[0])) {
    optimizer.applyGradients(grads);
    decay(variables, learningRate * spec.weight_decay);
  }
  tf.dispose([images, labels, value, right!, Object.values(grads)]);
  return { loss: loss[0]!, right: rightCount[0]! };
}

async function validate(
  model: Model,
  held: readonly DatasetItem[],
  options: TrainOptions,
): Promise<{ validationLoss: number; validationAccuracy: number }> {
  let [lossSum, right, count] = [0, 0, 0];
  for await (const batch of batches(held, options)) {
    const images = toTensor(model, batch);
    const results = tf.tidy(() => {
      const labels = tf.tensor1d(
        batch.labels.map((label) => label + model.labelOffset),
        'int32',
      );
      const logits = model.logits(images);
      return tf.stack([crossEntropy(logits, labels, 0), rightOnes(logits, labels)]);
    });
    const [loss, rightInBatch] = await results.data();
    tf.dispose([images, results]);
    lossSum += loss! * batch.labels.length;
    right += rightInBatch!;
    count += batch.labels.length;
  }
  return { validationLoss: lossSum / count, validationAccuracy: right / count };
}

/** Mean over the batch of −Σ t log softmax, t being the label's one-hot vector moved by `smoothing` to uniform. */
function crossEntropy(logits: tf.Tensor2D, labels: tf.Tensor1D, smoothing: number): tf.Scalar {
  const classes = logits.shape[1];
  const targets = tf.add(tf.mul(tf.oneHot(labels, classes), 1 - smoothing), smoothing / classes);
  return tf.neg<tf.Scalar>(tf.mean<tf.Scalar>(tf.sum(tf.mul(targets, tf.logSoftmax(logits)), 1)));
}

function rightOnes(logits: tf.Tensor2D, labels: tf.Tensor1D): tf.Scalar {
  return tf.sum(tf.cast(tf.equal(tf.argMax(logits, 1), labels), 'float32'));
}

/** Filters and kernels shrink a little; biases do not. */
function decay(variables: readonly tf.Variable[], amount: number): void {
  if (amount === 0) return;
  for (const variable of variables) {
    if (variable.rank > 1) tf.tidy(() => variable.assign(tf.mul(variable, 1 - amount)));
  }
}

function toTensor({ inputSize: { height, width } }: Model, batch: ImageBatch): tf.Tensor4D {
  return tf.tensor4d(batch.pixels, [batch.labels.length, height, width, 3]);
}

function snapshot(variables: readonly tf.Variable[]): tf.Tensor[] {
  return variables.map((variable) => tf.clone(variable as tf.Tensor));
}

function hasNonFinite(variable: tf.Variable): boolean {
  return variable.dataSync().some((value) => !Number.isFinite(value));
}
