import { Random, rowMajorStrides, sizeOf } from '../../packages/core/dist/index.js';
import { slimVariables } from '../../packages/models/dist/tf-slim-variables.js';

/** Weights of a network of tf-slim that let a signal through. Time does not depend on them, but for numbers near zero. */
export function drawnWeights(network, classes = 1001) {
  const weights = new Map();
  for (const [name, shape] of slimVariables(network, classes)) {
    const data = new Float32Array(sizeOf(shape));
    const random = new Random('bench', name);
    const bound = Math.sqrt(6 / sizeOf(shape.slice(0, -1)));
    for (let i = 0; i < data.length; i++) {
      const u = random.uniform();
      data[i] = name.endsWith('weights') ? bound * (2 * u - 1) : /gamma|variance/.test(name) ? 0.5 + u : 0.2 * u - 0.1;
    }
    weights.set(name, { shape, strides: rowMajorStrides(shape), data });
  }
  return weights;
}
