import * as tf from '@tensorflow/tfjs-core';
import type { Tensor } from '@tensorflow/tfjs-core';
import type { CapturedFunction } from '../backend/backend.js';

/** The function itself, op by op, with nothing left behind but its outputs. */
export function eagerly<I extends Tensor[], O extends Tensor[]>(fn: (...inputs: I) => O): CapturedFunction<I, O> {
  return Object.assign((...inputs: I): O => tf.tidy(() => fn(...inputs)), { dispose: () => undefined });
}
