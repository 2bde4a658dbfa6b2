import { Type } from '@sinclair/typebox';
import { ShieldError, defineDefense, type ByteImage } from '@shield/core';
import { jpegRoundTrip, subsamplingSchema } from './codec.js';

/**
 * Stochastic local quantization (Das et al. 2018, section 3.2): the image is compressed at several qualities, and each
 * patch is taken from one of them, drawn at random; the draw holds for all channels.
 */
export default defineDefense({
  name: 'slq',
  summary: 'stochastic local quantization: JPEG of a quality drawn for each patch',
  reference: {
    title: 'Das et al.: SHIELD: Fast, Practical Defense and Vaccination for Deep Learning using JPEG Compression, KDD 2018',
    url: 'https://arxiv.org/abs/1802.06816',
  },
  takes: 'bytes',
  random: true,
  gradient: 'straight-through',
  options: Type.Object(
    {
      qualities: Type.Array(Type.Integer({ minimum: 1, maximum: 100 }), {
        minItems: 1,
        default: [20, 40, 60, 80],
        description: 'JPEG qualities that are drawn from, 1 to 100',
      }),
      weights: Type.Array(Type.Number({ minimum: 0 }), {
        default: [],
        description: 'probability of each quality; empty for equal ones',
      }),
      patch: Type.Integer({ minimum: 1, default: 8, description: "side of a patch, in pixels of the model's input" }),
      subsampling: subsamplingSchema,
    },
    { additionalProperties: false },
  ),
  apply: async (image, { qualities, weights, patch, subsampling }, random) => {
    const draw = drawer(qualities, weights);
    const { height, width } = image;
    const compressed = await Promise.all(qualities.map((quality) => jpegRoundTrip(image, quality, subsampling)));
    const out = new Uint8Array(image.data.length);
    for (let top = 0; top < height; top += patch) {
      for (let left = 0; left < width; left += patch) {
        copyPatch(out, compressed[draw(random.uniform())]!, top, left, patch);
      }
    }
    return { data: out, height, width };
  },
});

/** Index of the quality for a number in [0, 1). @throws SPEC_INVALID_VALUE where the weights are not probabilities */
function drawer(qualities: readonly number[], weights: readonly number[]): (uniform: number) => number {
  if (weights.length === 0) return (uniform) => Math.floor(uniform * qualities.length);
  const sum = weights.reduce((total, weight) => total + weight, 0);
  if (weights.length !== qualities.length || Math.abs(sum - 1) > 1e-6) {
    throw new ShieldError('SPEC_INVALID_VALUE', {
      key: 'slq.weights',
      reason: `must be ${qualities.length} numbers that add up to 1 (they are ${weights.join(', ')})`,
      expected: 'give one probability for each quality, or leave weights out',
    });
  }
  return (uniform) => {
    let left = uniform;
    for (let i = 0; i < weights.length - 1; i++) {
      left -= weights[i]!;
      if (left < 0) return i;
    }
    return weights.length - 1;
  };
}

function copyPatch(out: Uint8Array, from: ByteImage, top: number, left: number, patch: number): void {
  const { height, width, data } = from;
  const bottom = Math.min(height, top + patch);
  const right = Math.min(width, left + patch);
  for (let row = top; row < bottom; row++) {
    const start = (row * width + left) * 3;
    out.set(data.subarray(start, (row * width + right) * 3), start);
  }
}
