import type { Static, TObject } from '@sinclair/typebox';
import type { Tensor, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import type { Random } from '../../random/random.js';
import type { DefinitionBase } from './definition.js';

/** How many passes one call of a compiled function costs for each image of its batch. */
export interface Cost {
  readonly forwards: number;
  readonly gradients: number;
}

/**
 * A function over batches, captured as one graph where the backend can. Every input and output is a tensor whose
 * first dimension is the batch; `rows[i]` says which image of the attack's input row i is, so that the passes are
 * booked to the right images. The caller disposes the outputs.
 */
export type Compiled<I extends Tensor[], O extends Tensor[]> = (rows: ArrayLike<number>, ...inputs: I) => O;

export interface CompileOptions {
  /**
   * Batch sizes to make graphs for; others are cut into these and padded up to them. Default: 1, 4, 16, 64, and 1, 4, 8
   * for gradients of images from 128 × 128 pixels on. Fewer and smaller ones for functions whose graphs are large.
   */
  readonly batches?: readonly number[];
}

/** The model under attack, as the threat model lets the attacker see it; passes are counted for each image. */
export interface TargetModel {
  readonly inputSize: { readonly height: number; readonly width: number };
  readonly classes: number;
  /** Differentiable [n, h, w, 3] → [n, classes]; for use inside `compile` only (calls elsewhere are not counted). */
  logits(images: Tensor4D): Tensor2D;
  /**
   * @param name unique within the attack; a second call with the same name gives the first function back, so `fn`
   *   may close over the attack's options, but over nothing that belongs to a batch
   */
  compile<I extends Tensor[], O extends Tensor[]>(
    name: string,
    cost: Cost,
    fn: (...inputs: I) => O,
    options?: CompileOptions,
  ): Compiled<I, O>;
}

export interface AttackInput {
  readonly model: TargetModel;
  /** float32 [n, h, w, 3] in [0, 1]; the caller's, not to be disposed. */
  readonly images: Tensor4D;
  /** The classes to get away from, among the model's logits. */
  readonly labels: Int32Array;
  /** The classes to reach, in a targeted attack. */
  readonly targets?: Int32Array;
  readonly ids: readonly string[];
  /** The stream of random numbers that belongs to image i (0 … n-1) of this batch. */
  readonly random: (i: number, draw?: number) => Random;
  /** Await once an iteration: lets signals and heartbeats through, throws when the run is being stopped. */
  readonly checkpoint: (progress?: { readonly done: number; readonly of: number }) => Promise<void>;
}

export interface AttackOutput {
  /** Same shape and order as the input, in [0, 1]; where the attack failed, its last or best try. */
  readonly images: Tensor4D;
  /** Iterations spent on each image. */
  readonly iterations: Int32Array;
  /** Of an attack made of several: the one that made each image fool the model, by name. Counted over the images. */
  readonly by?: readonly (string | undefined)[];
  /** For each image, those of the attack's `flags` that it raises. */
  readonly flags?: readonly (readonly string[])[];
}

export interface AttackDefinition<S extends TObject = TObject> extends DefinitionBase<S> {
  /**
   * The norm that it bounds or minimises; an option called `norm` chooses another. An option called `eps` is the bound,
   * in 0-255 levels and that norm.
   */
  readonly norm: 'l0' | 'l1' | 'l2' | 'linf' | 'none';
  /** Whether it can aim at a given class. */
  readonly targeted: boolean;
  /** What it needs of the model. */
  readonly needs: 'gradients' | 'logits' | 'labels' | 'nothing';
  /** Whether it draws random numbers. */
  readonly random: boolean;
  /** What makes its result doubtful, by name: a line for people. Counted over the images, and warned of when a run ends. */
  readonly flags?: Readonly<Record<string, string>>;
  /** The most that it spends on one image with these options, for `--dry-run` and for deciding what is worth capturing. */
  cost(options: Static<S>): Cost;
  run(input: AttackInput, options: Static<S>): Promise<AttackOutput>;
}
