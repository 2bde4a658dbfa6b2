import type { SlimNetwork, SlimOps } from './tf-slim-ops.js';

/** Bottleneck units in each of the four blocks. */
export type ResNetUnits = readonly [number, number, number, number];

export const resNetReference = {
  title: 'He et al., Identity Mappings in Deep Residual Networks, ECCV 2016',
  url: 'https://arxiv.org/abs/1603.05027',
};

const WIDTHS = [64, 128, 256, 512] as const;

/**
 * ResNet-v2 (He et al., Identity Mappings in Deep Residual Networks, ECCV 2016, arXiv:1603.05027) as tf-slim has it
 * (tf_slim/nets/resnet_v2.py): the stride stands in the last unit of a block, and padding does not depend on the size.
 */
export function resNetV2(scope: string, units: ResNetUnits): SlimNetwork {
  return {
    scope,
    gamma: true,
    epsilon: 1e-5,
    dropout: 0,
    forward: <X>(ops: SlimOps<X>, images: X): X => {
      let x = ops.convolution(images, 'conv1', 64, [7, 7], { stride: 2, padding: 'fixed', then: 'bias' });
      ops.endPoint('conv1', x);
      x = ops.endPoint('pool1', ops.maxPool(x, 3, 2, 'same'));
      for (const [i, width] of WIDTHS.entries()) {
        const block = `block${i + 1}`;
        for (let unit = 1; unit <= units[i]!; unit++) {
          const stride = unit === units[i] && i < WIDTHS.length - 1 ? 2 : 1;
          x = bottleneck(ops, x, `${block}/unit_${unit}`, width, unit === 1, stride);
          ops.endPoint(`${block}/unit_${unit}`, x);
        }
        ops.endPoint(block, x);
      }
      x = ops.endPoint('postnorm_relu', ops.batchNormRelu(x, 'postnorm'));
      return ops.logits(ops.endPoint('pool5', ops.globalPool(x)), 'logits', 'convolution');
    },
  };
}

/** The first unit of a block widens the input and projects it; the others pass it on as it is. */
function bottleneck<X>(ops: SlimOps<X>, x: X, unit: string, width: number, first: boolean, stride: number): X {
  const scope = `${unit}/bottleneck_v2`;
  const depth = 4 * width;
  const before = ops.batchNormRelu(x, `${scope}/preact`);
  const shortcut = first
    ? ops.convolution(before, `${scope}/shortcut`, depth, [1, 1], { stride, then: 'bias' })
    : stride === 1
      ? x
      : ops.maxPool(x, 1, stride, 'same');
  let residual = ops.convolution(before, `${scope}/conv1`, width, [1, 1]);
  residual = ops.convolution(residual, `${scope}/conv2`, width, [3, 3], { stride, padding: 'fixed' });
  residual = ops.convolution(residual, `${scope}/conv3`, depth, [1, 1], { then: 'bias' });
  return ops.add(shortcut, residual);
}
