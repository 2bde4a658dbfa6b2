import type * as TF from '@tensorflow/tfjs-core';

export function registerWasmKernels(tf: typeof TF): void {
  void tf;
}
