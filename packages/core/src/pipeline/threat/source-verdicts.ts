import * as tf from '@tensorflow/tfjs-core';
import type { Tensor1D, Tensor4D } from '@tensorflow/tfjs-core';
import type { TargetModel } from '../../plugin/contracts.js';

/**
 * What the source model of a black-box threat itself says of the images that were made on it: where it is not fooled
 * either, the attack failed, and nothing is said of how well images transfer. Asked by us, not by the attack, so no pass is
 * booked to it.
 *
 * @param pixels n images of the attack's size
 * @returns the class of each among the source's logits
 */
export async function sourceVerdicts(source: TargetModel, pixels: Float32Array): Promise<Int32Array> {
  const { height, width } = source.inputSize;
  const n = pixels.length / (height * width * 3);
  const verdict = source.compile<[Tensor4D], [Tensor1D]>(
    'verdict of the source',
    { forwards: 0, gradients: 0 },
    (x) => [tf.cast(tf.argMax<Tensor1D>(source.logits(x), 1), 'float32')],
  );
  const images = tf.tensor4d(pixels, [n, height, width, 3]);
  const [classes] = verdict(
    Array.from({ length: n }, (_, i) => i),
    images,
  );
  try {
    return Int32Array.from(await classes.data());
  } finally {
    tf.dispose([images, classes]);
  }
}
