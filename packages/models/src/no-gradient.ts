import * as tf from '@tensorflow/tfjs-core';
import { ShieldError } from '@shield/core';
import { dropTape } from './drop-tape.js';

/** The same function, whose gradient is MODEL_NO_GRADIENT. @param name of the network, for the message */
export function refusing(
  forward: (images: tf.Tensor4D) => tf.Tensor2D,
  name: string,
  reason: string,
): (images: tf.Tensor4D) => tf.Tensor2D {
  return tf.customGrad((...inputs: (tf.Tensor | tf.GradSaveFunc)[]) => ({
    value: forward(inputs[0] as tf.Tensor4D),
    gradFunc: () => {
      dropTape();
      throw new ShieldError('MODEL_NO_GRADIENT', { path: name, reason });
    },
  })) as unknown as (images: tf.Tensor4D) => tf.Tensor2D;
}
