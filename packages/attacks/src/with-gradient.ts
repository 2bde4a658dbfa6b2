import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor } from '@tensorflow/tfjs-core';

/**
 * The gradient of `objective` with respect to x, and what the same forward pass gave beside it: tfjs alone would throw
 * everything but the objective away.
 *
 * @param forward gives a scalar `objective` and named tensors to keep
 */
export function withGradient<X extends Tensor, R extends Record<string, Tensor>>(
  x: X,
  forward: (x: X) => { readonly objective: Scalar; readonly results: R },
): { readonly gradient: X; readonly results: R } {
  let results: R | undefined;
  const gradient = tf.grad((input) => {
    const { objective, results: values } = forward(input as X);
    // Clones: a result may be the objective itself, which is not ours to keep.
    results = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, tf.keep(tf.clone(value))])) as R;
    return objective;
  })(x) as X;
  // Given to the tidy that we are called in, like any other tensor.
  const released = Object.fromEntries(Object.entries(results!).map(([name, value]) => [name, release(value)])) as R;
  return { gradient, results: released };
}

function release(kept: Tensor): Tensor {
  const tensor = tf.clone(kept);
  kept.dispose();
  return tensor;
}
