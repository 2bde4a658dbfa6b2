import type * as TF from '@tensorflow/tfjs-core';

/**
 * tfjs-core with its gradients and chained methods, which only the package @tensorflow/tfjs registers. Both names give
 * the same instance of tfjs-core, to CommonJS code (tfjs-node) as to ours.
 */
export async function loadTfjs(): Promise<typeof TF> {
  await import('@tensorflow/tfjs');
  return import('@tensorflow/tfjs-core');
}
