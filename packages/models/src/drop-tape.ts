import * as tf from '@tensorflow/tfjs-core';

/**
 * Ends the recording that tfjs leaves on, with all that it keeps, where a gradient ends in an error: every later op would
 * be recorded too, and its tensors kept for good.
 */
export function dropTape(): void {
  const { state } = tf.engine();
  for (const { saved } of state.activeTape ?? []) tf.dispose(saved ?? []);
  delete (state as Partial<typeof state>).activeTape;
}
