import { Type, type Static } from '@sinclair/typebox';
import type { Tensor4D } from '@tensorflow/tfjs-core';
import { defineDefense, drawnGradient, refuseFault, type OptionFault, type Random } from '@shield/core';
import { codecFault, codecOptions, slqRoundTrip } from './codec.js';
import { differentiableSlq, pixelChoices } from './differentiable-jpeg.js';
import { patchGrid, type PatchQualities } from './jpeg-kernel/patch-qualities.js';

const options = Type.Object(
  {
    qualities: Type.Array(Type.Integer({ minimum: 1, maximum: 100 }), {
      minItems: 1,
      maxItems: 100,
      default: [20, 40, 60, 80],
      description: 'JPEG qualities that are drawn from, 1 to 100',
    }),
    weights: Type.Array(Type.Number({ minimum: 0 }), {
      default: [],
      description: 'probability of each quality; empty for equal ones',
    }),
    patch: Type.Integer({
      minimum: 1,
      maximum: 65535,
      default: 8,
      description: "side of a patch, in pixels of the model's input",
    }),
    offset: Type.Array(Type.Integer({ minimum: 0 }), {
      minItems: 2,
      maxItems: 2,
      default: [0, 0],
      description: 'row and column of a corner of the grid of patches, in pixels below the patch; the first may be cut',
    }),
    ...codecOptions,
  },
  { additionalProperties: false },
);

/**
 * Stochastic local quantization (Das et al. 2018, section 3.2): the image is compressed at several qualities, and each
 * patch is taken from one of them, drawn at random; the draw holds for all channels.
 */
export default defineDefense({
  name: 'slq',
  summary: 'stochastic local quantization: JPEG of a quality drawn for each patch',
  reference: {
    title:
      'Das et al.: SHIELD: Fast, Practical Defense and Vaccination for Deep Learning using JPEG Compression, KDD 2018',
    url: 'https://arxiv.org/abs/1802.06816',
  },
  takes: 'bytes',
  random: true,
  options,
  check: faultOf,
  // Soft rounding in place of the codec's; the same draw as `apply` for the same stream.
  gradient: drawnGradient<Static<typeof options>>({
    draws: ({ height, width }, randoms, given) => {
      const patches = randoms.map((random) => drawPatches(height, width, given, random));
      return [pixelChoices(patches, height, width)];
    },
    through: (images, [choice], { qualities, subsampling }) =>
      differentiableSlq(images, qualities, choice as Tensor4D, subsampling),
  }),
  apply: (image, given, random) => {
    const { height, width } = image;
    const { subsampling, idct, codec } = given;
    return slqRoundTrip(image, drawPatches(height, width, given, random), { subsampling, idct, codec });
  },
});

/** Draws row by row. @throws SPEC_INVALID_VALUE where patch, offset or weights do not fit */
function drawPatches(height: number, width: number, given: Static<typeof options>, random: Random): PatchQualities {
  refuseFault('slq', faultOf(given, { height, width }));
  const { qualities, weights, patch } = given;
  const [y, x] = given.offset as [number, number];
  const { rows, columns } = patchGrid(height, width, patch, { y, x });
  const draw = drawer(qualities, weights);
  const choice = Uint8Array.from({ length: rows * columns }, () => draw(random.uniform()));
  return { qualities, patch, offset: { y, x }, choice };
}

function faultOf(
  given: Static<typeof options>,
  size?: { readonly height: number; readonly width: number },
): OptionFault | undefined {
  const { qualities, weights, patch } = given;
  const [y, x] = given.offset as [number, number];
  const sum = weights.reduce((total, weight) => total + weight, 0);
  if (weights.length > 0 && !(weights.length === qualities.length && Math.abs(sum - 1) <= 1e-6)) {
    const reason = `must be ${qualities.length} numbers that add up to 1 (they are ${weights.join(', ')})`;
    return { option: 'weights', reason, expected: 'give one probability for each quality, or leave weights out' };
  }
  if (y >= patch || x >= patch) {
    return { option: 'offset', reason: `is ${y}, ${x}`, expected: `two numbers in 0…${patch - 1}, below the patch` };
  }
  if (size && patch > Math.max(size.height, size.width)) {
    const reason = `is ${patch}, and the image ${size.height}×${size.width}`;
    return { option: 'patch', reason, expected: 'a smaller patch' };
  }
  return codecFault(given);
}

/** Index of the quality for a number in [0, 1). */
function drawer(qualities: readonly number[], weights: readonly number[]): (uniform: number) => number {
  if (weights.length === 0) return (uniform) => Math.floor(uniform * qualities.length);
  // Rounding may leave a little of the last number over: it goes to the last quality that can be drawn at all.
  const last = weights.findLastIndex((weight) => weight > 0);
  return (uniform) => {
    let left = uniform;
    for (let i = 0; i < last; i++) {
      left -= weights[i]!;
      if (left < 0) return i;
    }
    return last;
  };
}
