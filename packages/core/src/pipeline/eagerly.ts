import * as tf from '@tensorflow/tfjs-core';
import type { Tensor } from '@tensorflow/tfjs-core';
import type { CapturedFunction } from '../backend/backend.js';
import { runEagerly, type Batched } from '../backend/capture/batch.js';

/** The function itself, op by op, under the same rules as a captured one. */
export function eagerly<I extends Tensor[], O extends Tensor[]>(fn: (...inputs: I) => O): CapturedFunction<I, O> {
  const run = (...inputs: I): O => runEagerly(tf, fn as unknown as Batched, inputs) as O;
  return Object.assign(run, { dispose: () => undefined });
}
