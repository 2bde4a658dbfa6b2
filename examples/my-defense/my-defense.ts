import { Type, type Static } from '@sinclair/typebox';
import * as tf from '@tensorflow/tfjs-core';
import type { Tensor4D } from '@tensorflow/tfjs-core';
import { defineDefense, drawnGradient, type Random } from '@shield/core';

const options = Type.Object({
  sigma: Type.Number({
    exclusiveMinimum: 0,
    maximum: 255,
    default: 30,
    description: 'standard deviation of the noise, in 0-255 levels',
  }),
});

/** [height · width · 3] values of the noise, in [0, 1] units: the one place where anything is drawn. */
function noise(count: number, { sigma }: Static<typeof options>, random: Random): Float32Array {
  return Float32Array.from({ length: count }, () => (sigma / 255) * random.normal());
}

/**
 * Gaussian noise over the image, as randomized smoothing shows it to its base classifier (Cohen et al. 2019, section 3).
 * The draws of an evaluation are its votes: docs/defenses.md says how they are scored.
 */
export default defineDefense({
  name: 'smoothing_noise',
  summary: 'Gaussian noise over the whole image, as in randomized smoothing',
  reference: {
    title: 'Cohen et al.: Certified Adversarial Robustness via Randomized Smoothing, ICML 2019',
    url: 'https://arxiv.org/abs/1902.02918',
  },
  takes: 'floats', // and not `bytes`, which codecs take
  random: true,
  options,
  // The way back of an adaptive attacker. What is drawn stands apart, so that the rest becomes one graph.
  gradient: drawnGradient<Static<typeof options>>({
    draws: ({ height, width }, randoms, given) => [
      tf.stack(randoms.map((random) => tf.tensor3d(noise(height * width * 3, given, random), [height, width, 3]))),
    ],
    through: (images, [drawn]) => tf.clipByValue(tf.add<Tensor4D>(images, drawn!), 0, 1),
  }),
  apply: ({ data, height, width }, given, random) => {
    const drawn = noise(data.length, given, random);
    const noisy = Float32Array.from(drawn, (value, i) => Math.min(1, Math.max(0, data[i]! + value)));
    return { data: noisy, height, width };
  },
});
