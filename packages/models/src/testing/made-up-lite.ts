import { rowMajorStrides, sizeOf, type WeightMap, type WeightTensor } from '@shield/core';
import { liteConvolutions, type LiteVariant } from '../efficientnet-lite-blocks.js';

/** Weights by formula, which bench/record/efficientnet_lite.py repeats. */
export function madeUpLite(variant: LiteVariant, classes: number): WeightMap {
  const weights = new Map<string, WeightTensor>();
  const put = (name: string, shape: readonly number[], value: (u: number) => number) => {
    const data = Float32Array.from({ length: sizeOf(shape) }, uniform(name, value));
    weights.set(name, { shape, strides: rowMajorStrides(shape), data });
  };
  for (const { convolution, batchNorm, shape } of liteConvolutions(variant)) {
    const [filters, ...fan] = shape;
    put(convolution, shape, (u) => (2 * u - 1) * Math.sqrt(6 / sizeOf(fan)));
    put(`${batchNorm}.weight`, [filters], (u) => 0.5 + u);
    put(`${batchNorm}.bias`, [filters], (u) => 0.5 * u - 0.25);
    put(`${batchNorm}.running_mean`, [filters], (u) => 0.5 * u - 0.25);
    put(`${batchNorm}.running_var`, [filters], (u) => 0.5 + u);
  }
  put('_fc.weight', [classes, 1280], (u) => (2 * u - 1) * Math.sqrt(3 / 1280));
  put('_fc.bias', [classes], (u) => u - 0.5);
  return weights;
}

/** Element i of the tensor of this name: `value` of a number in [0, 1) that the name and i alone decide. */
function uniform(name: string, value: (u: number) => number): (_: unknown, i: number) => number {
  let seed = 0x811c9dc5;
  for (const byte of Buffer.from(name)) seed = Math.imul(seed ^ byte, 0x01000193);
  return (_, i) => {
    let h = (Math.imul(i, 0x9e3779b9) + seed) | 0;
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    return value(((h ^ (h >>> 16)) >>> 0) / 2 ** 32);
  };
}
