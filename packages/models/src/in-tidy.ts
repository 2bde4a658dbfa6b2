import * as tf from '@tensorflow/tfjs-core';

/** tf.tidy for what is not a tensor: that looks through what it is given value by value, even numbers by the million. */
export function inTidy<T>(fn: () => T): T {
  let result: T | undefined;
  tf.tidy(() => {
    result = fn();
  });
  return result as T;
}
