import type { Tensor4D } from '@tensorflow/tfjs-core';
import type { Random } from '../random/random.js';
import type { DrawnGradient } from './contracts.js';

/**
 * The gradient of a defense in two steps: `draws` turns the streams into tensors, `through` is pure. An adaptive attack
 * then goes back through a graph that is made once, and not op by op in every step.
 *
 * @returns the gradient function, which still is both at once
 */
export function drawnGradient<O>(parts: DrawnGradient<O>) {
  const gradient = (images: Tensor4D, randoms: readonly Random[], options: O): Tensor4D => {
    const [, height, width] = images.shape;
    return parts.through(images, parts.draws({ height, width }, randoms, options), options);
  };
  return Object.assign(gradient, parts);
}

/** Whether a gradient function keeps its draws apart. */
export function isDrawn(gradient: object): gradient is DrawnGradient<object> {
  return 'draws' in gradient && 'through' in gradient;
}
