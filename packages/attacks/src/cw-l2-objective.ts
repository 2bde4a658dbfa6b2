import * as tf from '@tensorflow/tfjs-core';
import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import { margin } from './losses.js';

/** The options of cw_l2; cw-l2.ts says what they mean. */
export interface CwOptions {
  readonly confidence: number;
  readonly learning_rate: 'auto' | number;
  readonly schedule: 'cosine' | 'constant';
  readonly max_iterations: number;
  readonly search_steps: number;
  readonly initial_constant: 'auto' | number;
  readonly early_stop: boolean;
  readonly patience: number;
  readonly warm_start: boolean;
}

/**
 * A logit margin that float rounding cannot undo: the model is asked again in other batches and graphs when the attack
 * is judged, and logits then differ in the sixth digit.
 */
export const SAFETY = 1e-3;

/** Progress of the best distance that counts as such. */
export const PROGRESS = 0.99;

/** Stands for "nothing found yet": Infinity × 0 would be NaN. */
export const NOT_FOUND = 1e9;

/** How far the model is from being wrong, [n]: positive while it says the label, or does not say the target. */
export function distanceFromWrong(logits: Tensor2D, marked: Tensor2D, toTarget: boolean): Tensor1D {
  const gap = margin(logits, marked);
  return toTarget ? tf.neg<Tensor1D>(gap) : gap;
}

/** 1 where the model is wrong by the confidence, [n]. */
export function successOf(right: Tensor1D, confidence: number): Tensor1D {
  return tf.cast<Tensor1D>(tf.lessEqual<Tensor1D>(right, -confidence - SAFETY / 2), 'float32');
}

/** What a step is multiplied with at iteration k (1, 2, …): 1, or from 1 down to 0 along a cosine. */
export function scheduled({ schedule, max_iterations }: CwOptions, k: number): number {
  return schedule === 'constant' ? 1 : (1 + Math.cos((Math.PI * (k - 1)) / max_iterations)) / 2;
}

/** Which images still get closer; both searches ask it for who may leave. */
export class Progress {
  readonly #best: Float64Array;
  readonly #last: Int32Array;

  constructor(images: number) {
    this.#best = new Float64Array(images).fill(Infinity);
    this.#last = new Int32Array(images);
  }

  /** @param value the image's figure at iteration k; lower is better */
  saw(image: number, value: number, k: number): void {
    if (value >= this.#best[image]! * PROGRESS) return;
    this.#best[image] = value;
    this.#last[image] = k;
  }

  /** Forgets the figures, for a figure of another kind. */
  restart(image: number): void {
    this.#best[image] = Infinity;
  }

  /** Iterations at k since the figure last became 1 % better. */
  idle(image: number, k: number): number {
    return k - this.#last[image]!;
  }
}
