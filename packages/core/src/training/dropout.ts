import * as tf from '@tensorflow/tfjs-core';
import type { TrainingForm } from '../plugin/contracts.js';
import { Random } from '../random/random.js';

/** A dropout that a network asks for in each pass: the shape of one image's values there. */
export interface DropoutPlace {
  readonly shape: readonly number[];
  readonly rate: number;
}

/** Asks the network, by a pass over one image, where it drops what; the pass changes nothing. */
export function dropoutPlaces(training: TrainingForm, size: { height: number; width: number }): DropoutPlace[] {
  const places: DropoutPlace[] = [];
  tf.tidy(() => {
    training.logits(tf.zeros([1, size.height, size.width, 3]), {
      batchStatistics: undefined,
      dropout: (x, rate) => {
        if (rate > 0) places.push({ shape: x.shape.slice(1), rate });
        return x;
      },
    });
  });
  return places;
}

/**
 * The masks of one step, a tensor [n, …shape] for each place: 0, or 1 / (1 − rate). (Srivastava et al., JMLR 2014.)
 *
 * @param stream names the random numbers of image i
 */
export function dropoutMasks(
  places: readonly DropoutPlace[],
  images: number,
  stream: (image: number) => readonly (string | number)[],
): tf.Tensor[] {
  return places.map(({ shape, rate }, place) => {
    const length = shape.reduce((product, side) => product * side, 1);
    const values = new Float32Array(images * length);
    for (let i = 0; i < images; i++) {
      const random = new Random(...stream(i), place);
      for (let k = i * length; k < (i + 1) * length; k++) values[k] = random.uniform() < rate ? 0 : 1 / (1 - rate);
    }
    return tf.tensor(values, [images, ...shape]);
  });
}

/** The network's `dropout` over masks that are given, in the order in which it asks. */
export function maskedDropout(masks: readonly tf.Tensor[]): <T extends tf.Tensor>(x: T, rate: number) => T {
  let next = 0;
  return (x, rate) => (rate > 0 ? tf.mul(x, masks[next++]!) : x);
}
