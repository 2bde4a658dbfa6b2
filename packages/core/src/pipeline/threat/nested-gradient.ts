import * as tf from '@tensorflow/tfjs-core';

/**
 * Runs something that takes gradients while another gradient is being computed (inside a custom gradient's way back).
 * tfjs has one tape at a time, and the inner gradient throws it away: it is put aside meanwhile.
 */
export function nestedGradient<T>(compute: () => T): T {
  const { state } = tf.engine();
  const { activeTape } = state;
  try {
    return compute();
  } finally {
    state.activeTape = activeTape;
  }
}
