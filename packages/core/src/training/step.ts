import * as tf from '@tensorflow/tfjs-core';
import type { Backend } from '../backend/backend.js';
import type { Model } from '../plugin/contracts.js';
import type { TrainSpec } from '../spec/resolved-spec.js';
import { dropoutMasks, dropoutPlaces, maskedDropout } from './dropout.js';
import { countRight, crossEntropy } from './loss.js';
import { createOptimizer, type Optimizer } from './optimizer.js';
import type { TrainingBatch } from './training-images.js';

export interface Score {
  /** Mean over the batch. */
  readonly loss: number;
  readonly right: number;
}

/** One training's two functions over a batch, each a graph where the backend can, and what they change. */
export interface Stepper {
  readonly optimizer: Optimizer;
  /** One step down the gradient of the batch's mean loss. */
  train(
    batch: TrainingBatch,
    at: { readonly step: number; readonly learningRate: number },
    stream: (image: number) => readonly (string | number)[],
  ): Promise<Score>;
  /** Cross-entropy without smoothing, by the network as it is evaluated. */
  validate(batch: TrainingBatch): Promise<Score>;
  dispose(): void;
}

/** @param model one with `training` */
export function createStepper(model: Model, backend: Backend, spec: TrainSpec): Stepper {
  const training = model.training!;
  const trained = trainedVariables(model, spec);
  const optimizer = createOptimizer(spec, trained);
  const places = dropoutPlaces(training, model.inputSize);
  const frozen = spec.layers === 'head' || spec.statistics === 'frozen';
  const batchStatistics = frozen ? undefined : { momentum: spec.statistics_momentum };
  const names = Object.keys(trained);
  const count = optimizer.numbers(0, 1).length;
  const all = Object.values(training.variables);

  const step = backend.captureStep([...all, ...Object.values(optimizer.slots)], (images, labels, ...rest) => {
    const numbers = rest.slice(0, count);
    const dropout = maskedDropout(rest.slice(count));
    let kept: tf.Tensor | undefined;
    const { value, grads } = tf.variableGrads(() => {
      const logits = training.logits(images as tf.Tensor4D, { batchStatistics, dropout });
      kept = tf.keep(countRight(logits, labels as tf.Tensor1D));
      return crossEntropy(logits, labels as tf.Tensor1D, spec.label_smoothing);
    }, Object.values(trained));
    const right = tf.clone(kept!);
    kept!.dispose();
    for (const name of names) {
      const gradient = grads[trained[name]!.name];
      if (gradient) optimizer.update(name, trained[name]!, gradient, numbers);
    }
    return [value, right];
  });
  const judge = backend.captureStep(all, (images: tf.Tensor, labels: tf.Tensor) => {
    const logits = model.logits(images as tf.Tensor4D);
    return [crossEntropy(logits, labels as tf.Tensor1D, 0), countRight(logits, labels as tf.Tensor1D)];
  });

  return {
    optimizer,
    async train(batch, at, stream) {
      const numbers = optimizer.numbers(at.step, at.learningRate).map((value) => tf.scalar(value));
      const masks = dropoutMasks(places, batch.labels.length, stream);
      return score(step, [...inputs(model, batch), ...numbers, ...masks]);
    },
    validate: (batch) => score(judge as typeof step, inputs(model, batch)),
    dispose() {
      step.dispose();
      judge.dispose();
      optimizer.dispose();
    },
  };
}

function inputs({ inputSize: { height, width } }: Model, { pixels, labels }: TrainingBatch): tf.Tensor[] {
  return [tf.tensor4d(pixels, [labels.length, height, width, 3]), tf.tensor1d([...labels], 'int32')];
}

async function score(run: (...inputs: tf.Tensor[]) => tf.Tensor[], given: tf.Tensor[]): Promise<Score> {
  const outputs = run(...given);
  const [loss, right] = await Promise.all(outputs.map((output) => output.data()));
  tf.dispose([given, outputs]);
  return { loss: loss![0]!, right: right![0]! };
}

/** The variables that gradients change, by name. */
function trainedVariables(model: Model, { layers }: TrainSpec): Record<string, tf.Variable> {
  const { variables, head } = model.training!;
  const chosen = Object.entries(variables).filter(
    ([name, { trainable }]) => trainable && (layers === 'all' || head.includes(name)),
  );
  return Object.fromEntries(chosen);
}
