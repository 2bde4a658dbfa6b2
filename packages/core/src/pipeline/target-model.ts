import type { Tensor, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import type { Backend, CapturedFunction } from '../backend/backend.js';
import { eagerly } from './eagerly.js';
import type { CompileOptions, Compiled, Cost, TargetModel } from '../plugin/contracts.js';
import type { AttackerView } from './threat/attacker-view.js';

export interface TargetModelOptions {
  readonly view: AttackerView;
  readonly backend: Backend;
  /** Whether compiled functions become graphs; off where there is too little to do for that to pay. */
  readonly capture: boolean;
  /** Told of every pass: `rows` are the attack's images that took part. */
  readonly count: (rows: ArrayLike<number>, cost: Cost) => void;
}

/** The model as one attack sees it, and the graphs made for that attack. */
export interface CountedTargetModel extends TargetModel {
  dispose(): void;
}

/**
 * Batch sizes of graphs, where images are large: a network's activations of 16 images no longer fit the processor's caches,
 * and eight are made ready in half the time. Of small images more at once are better.
 */
const BATCHES_OF_LARGE: readonly number[] = [1, 4, 8];
const LARGE_PIXELS = 128 * 128;

/** One for each attack of a spec: the names of its compiled functions are the attack's own. */
export function createTargetModel({ view, backend, capture, count }: TargetModelOptions): CountedTargetModel {
  const { height, width } = view.inputSize;
  const large = height * width >= LARGE_PIXELS;
  const functions = new Map<string, { call: (...inputs: Tensor[]) => Tensor[]; cost: Cost; dispose: () => void }>();
  return {
    inputSize: view.inputSize,
    classes: view.classes,
    logits: (images: Tensor4D): Tensor2D => view.logits(images),
    compile<I extends Tensor[], O extends Tensor[]>(
      name: string,
      cost: Cost,
      fn: (...inputs: I) => O,
      { batches }: CompileOptions = {},
    ): Compiled<I, O> {
      let entry = functions.get(name);
      if (!entry) {
        const buckets = batches ?? (large ? BATCHES_OF_LARGE : undefined);
        const captured: CapturedFunction<I, O> =
          capture && view.capturable ? backend.capture(fn, buckets ? { buckets } : {}) : eagerly(fn);
        entry = {
          call: captured as unknown as (...inputs: Tensor[]) => Tensor[],
          cost,
          dispose: () => captured.dispose(),
        };
        functions.set(name, entry);
      }
      const { call } = entry;
      return (rows, ...inputs) => {
        view.onRows?.(rows);
        const outputs = call(...inputs) as O;
        count(rows, view.costOf?.(cost) ?? cost);
        return outputs;
      };
    },
    dispose: () => {
      for (const { dispose } of functions.values()) dispose();
      functions.clear();
    },
  };
}
