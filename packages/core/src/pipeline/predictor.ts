import * as tf from '@tensorflow/tfjs-core';
import type { Backend, CapturedFunction } from '../backend/backend.js';
import { ShieldError } from '../errors/index.js';
import type { Model } from '../plugin/contracts.js';
import type { Prediction } from './rows.js';

/** Names classes for batches of images. */
export interface Predictor {
  /** @param pixels float32 [n, height, width, 3] in [0, 1], flat */
  predict(pixels: Float32Array): Promise<readonly PredictedImage[]>;
  /** The logits themselves: [n, classes], flat. */
  logits(pixels: Float32Array): Promise<Float32Array>;
  dispose(): void;
}

export interface PredictedImage extends Prediction {
  /** Class of the smallest logit; −1 where there is none. */
  readonly least: number;
}

/**
 * Capturing a graph costs seconds once and saves a share of every pass after: below this many images it does not pay.
 * The choice rests on the spec alone, never on what has been computed before, so that results do not depend on it.
 */
const CAPTURE_FROM_IMAGES = 48;

/** Whether a predictor for a run of so many images, where that is known, is a graph. */
export function isCaptured(images: number | undefined): boolean {
  return (images ?? Infinity) >= CAPTURE_FROM_IMAGES;
}

export function createPredictor(
  model: Model,
  backend: Backend,
  options: { readonly k: number; readonly images: number | undefined },
): Predictor {
  const { height, width } = model.inputSize;
  const captured: CapturedFunction<[tf.Tensor], [tf.Tensor]> | undefined =
    !model.outside && isCaptured(options.images)
      ? backend.capture((images: tf.Tensor): [tf.Tensor] => [model.logits(images as tf.Tensor4D)])
      : undefined;
  const logitsOf = async (pixels: Float32Array): Promise<Float32Array> => {
    const n = pixels.length / (height * width * 3);
    if (n === 0) return new Float32Array(0);
    const images = tf.tensor4d(pixels, [n, height, width, 3]);
    const logits = captured ? captured(images)[0] : tf.tidy(() => model.logits(images));
    images.dispose();
    const values = (await logits.data()) as Float32Array;
    logits.dispose();
    return values;
  };
  return {
    logits: logitsOf,
    predict: async (pixels) => {
      const values = await logitsOf(pixels);
      return Array.from({ length: values.length / model.classes }, (_, i) => {
        const logits = values.subarray(i * model.classes, (i + 1) * model.classes);
        const unusable = faultOf(logits);
        if (unusable !== undefined) return { top: [], p: 0, least: -1, unusable };
        return rank(logits, options.k, model.labelOffset);
      });
    },
    dispose: () => captured?.dispose(),
  };
}

/** Why these logits name no class; undefined where they do. */
export function faultOf(logits: Float32Array): string | undefined {
  const c = logits.findIndex((value) => !Number.isFinite(value));
  return c === -1 ? undefined : `the logit of class ${c} is ${logits[c]}`;
}

/** The k largest logits by class, ties going to the smaller class, and the softmax probability of the first. @throws MODEL_NAN */
export function rank(logits: Float32Array, k: number, labelOffset: number): PredictedImage {
  const fault = faultOf(logits);
  if (fault !== undefined) throw new ShieldError('MODEL_NAN', { reason: fault });
  const top: number[] = [];
  let least = 0;
  let sum = 0;
  let max = -Infinity;
  for (let c = 0; c < logits.length; c++) {
    const value = logits[c]!;
    if (value < logits[least]!) least = c;
    if (value > max) {
      sum = sum * Math.exp(max - value) + 1;
      max = value;
    } else sum += Math.exp(value - max);
    let place = top.length;
    while (place > 0 && value > logits[top[place - 1]!]!) place--;
    if (place < k) {
      top.splice(place, 0, c);
      if (top.length > k) top.pop();
    }
  }
  return { top: top.map((c) => c - labelOffset), p: 1 / sum, least: least - labelOffset };
}
