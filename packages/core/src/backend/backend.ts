import type { Tensor, Variable } from '@tensorflow/tfjs-core';

export type BackendName = 'node-gpu' | 'node' | 'webgpu' | 'wasm' | 'cpu';

/** The tfjs backend in use and what it can do; one for a process. */
export interface Backend {
  readonly name: BackendName;
  /** Library and version for provenance and artifact keys: "tensorflow 2.21.0 (tfjs-node 4.22.0, native)". */
  readonly description: string;
  readonly threads: number;
  readonly gpu: string | undefined;
  readonly captures: boolean;
  /**
   * A function of the same signature that runs as one graph: equal to `fn` within float tolerance, silently eager on
   * backends that cannot. Inputs and outputs are tensors whose first dimension is the batch; batches are padded up to
   * the next bucket. `fn` is pure; what it closes over becomes constant. The caller disposes the outputs.
   */
  capture<I extends Tensor[], O extends Tensor[]>(
    fn: (...inputs: I) => O,
    options?: CaptureOptions,
  ): CapturedFunction<I, O>;
  /**
   * The same for a function that changes variables: when it returns, those of `state` have the values that `step`
   * assigned to them. Inputs and outputs may have any shape; there is a graph for each combination of input shapes. All
   * else that `step` closes over becomes constant. The caller disposes the outputs.
   */
  captureStep<I extends Tensor[], O extends Tensor[]>(
    state: readonly Variable[],
    step: (...inputs: I) => O,
  ): CapturedFunction<I, O>;
}

export interface CaptureOptions {
  /** Batch sizes that graphs are made for; a batch is padded up to the next. Default: 1, 4, 16, 64. */
  readonly buckets?: readonly number[];
}

export interface CapturedFunction<I extends Tensor[], O extends Tensor[]> {
  (...inputs: I): O;
  dispose(): void;
}
