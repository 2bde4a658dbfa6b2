import type { Static, TObject } from '@sinclair/typebox';
import type { Tensor, Tensor2D, Tensor4D, Variable } from '@tensorflow/tfjs-core';
import type { AssetSource } from './assets.js';
import type { DefinitionBase } from './definition.js';
import type { LoadContext } from './load-context.js';

export interface Model {
  /** Height and width that the network takes. */
  readonly inputSize: { readonly height: number; readonly width: number };
  /** Logits a forward pass gives, a background class included. */
  readonly classes: number;
  /** Index of the dataset's class 0 among the logits: 1 for tf-slim's networks (0 is "background"), else 0. */
  readonly labelOffset: number;
  /** sha256 that names the weights in artifact keys. */
  readonly weightsDigest: string;
  /** Its logits are computed outside of tfjs: whatever asks for them cannot become a graph. */
  readonly outside?: boolean;
  /**
   * [n, h, w, 3] in [0, 1] → [n, classes]. Pure and differentiable by tf.grad; the normalisation is inside.
   * Written once on tfjs-core ops; serves prediction, gradients and training on every backend.
   */
  logits(images: Tensor4D): Tensor2D;
  /** Present where the model can be trained: always where {@link LoadContext.training} asked for it. */
  readonly training?: TrainingForm;
  dispose(): void;
}

/** What of a model changes when it is trained. Its `logits` follow the variables. */
export interface TrainingForm {
  /**
   * All that a weights file holds, by the names it is saved under. Those made with `trainable: false` (the averages of
   * batch norms) are changed by `logits` itself, the others down the gradient.
   */
  readonly variables: Readonly<Record<string, Variable>>;
  /** Names of the classifier's variables, for `train.layers: head`. */
  readonly head: readonly string[];
  /** Order of axes that a variable is saved in, where that is not its own ([3, 2, 0, 1]: as torch stores a filter). */
  readonly savedAxes?: Readonly<Record<string, readonly number[]>>;
  /** As `logits` of the model, with batch statistics and dropout where the network has them. Pure but for the averages. */
  logits(images: Tensor4D, pass: TrainingPass): Tensor2D;
}

/** One forward pass of a training step. */
export interface TrainingPass {
  /**
   * Batch norms take the statistics of the batch, and their averages move by `1 − momentum` towards them; undefined:
   * they take their averages, which stand.
   */
  readonly batchStatistics: { readonly momentum: number } | undefined;
  /** Zeroes a share `rate` of each image's values, drawn for it, and scales the others by 1 / (1 − rate). */
  dropout<T extends Tensor>(x: T, rate: number): T;
}

export interface ModelDefinition<S extends TObject = TObject> extends DefinitionBase<S> {
  /** Published top-1 accuracy in [0, 1] and on what, so that a model far below it raises a warning. */
  readonly accuracy?: { readonly top1: number; readonly on: string };
  /** Its published weights, which `shield weights download` fetches. */
  readonly pretrained?: AssetSource;
  /**
   * Cells of a sweep that are carried out in one process share what it gives, for as long as the options are equal and the
   * files that it asked the context for, or told it of, stand. One that is to be trained is loaded anew.
   */
  load(options: Static<S>, context: LoadContext): Promise<Model>;
}
