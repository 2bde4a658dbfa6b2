import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor4D } from '@tensorflow/tfjs-core';
import { decodeBlocks, encodeBlocks, type Components } from './block-transform.js';
import { checkPatchQualities, type PatchQualities } from './jpeg-kernel/patch-qualities.js';
import { quantisationTables } from './jpeg-kernel/quantisation.js';
import type { Subsampling } from './jpeg-kernel/settings.js';

/** What Y, Cb and Cr (about 0) give to R, G and B. */
const TO_RGB = { y: [1, 1, 1], cb: [0, -0.344136, 1.772], cr: [1.402, -0.714136, 0] } as const;

/** How coefficients in quantisation steps are rounded. */
export type Rounding = (steps: Tensor) => Tensor;

/**
 * Rounding to the nearest whole number, but for the cube of what is rounded away (Shin and Song 2017, section 2.3): off by
 * 1/8 of a step at most, with the derivative 3 (x - round(x))² in place of 0.
 */
export function softRound(steps: Tensor): Tensor {
  return tf.customGrad((x, save) => {
    const whole = tf.round(x as Tensor);
    const rest = tf.sub(x as Tensor, whole);
    (save as (tensors: Tensor[]) => void)([rest]);
    const value = tf.add(whole, tf.mul(tf.square(rest), rest));
    return { value, gradFunc: (dy: Tensor, [kept]: Tensor[]) => tf.mul(tf.mul(tf.square(kept!), 3), dy) };
  })(steps);
}

/**
 * JPEG compression and decompression on tfjs ops with soft rounding of the coefficients (Shin and Song: JPEG-resistant
 * Adversarial Images, 2017); what else the codec rounds, to 8 bits on the way, is not rounded. On photos at qualities 20
 * to 80 it is 1.1 to 1.2 of 255 levels from the codec's pixels on the average, 34 at most, where the codec itself changes
 * pixels by 4 to 8 (`node bench/defenses.js`).
 *
 * @param images [n, h, w, 3] in [0, 1]
 * @param quality whole number in 1…100
 * @returns of the same shape, in [0, 1]
 */
export function differentiableJpeg(
  images: Tensor4D,
  quality: number,
  subsampling: Subsampling,
  rounding: Rounding = softRound,
): Tensor4D {
  return tf.tidy(() => toRgb(atQualities(images, [quality], subsampling, rounding)[0]!));
}

/**
 * Stochastic local quantization likewise: of each pixel what the quality of its patch gives.
 *
 * @param images [n, h, w, 3] in [0, 1]
 * @param choice [n, h, w, 1]: for each pixel the index of its quality; see {@link pixelChoices}
 */
export function differentiableSlq(
  images: Tensor4D,
  qualities: readonly number[],
  choice: Tensor4D,
  subsampling: Subsampling,
  rounding: Rounding = softRound,
): Tensor4D {
  return tf.tidy(() => {
    const all = atQualities(images, qualities, subsampling, rounding);
    const masks = qualities.map((_, k) => tf.cast(tf.equal(choice, k), 'float32') as Tensor4D);
    const mixed = (name: keyof Components) =>
      tf.addN(all.map((components, k) => tf.mul<Tensor4D>(components[name], masks[k]!))) as Tensor4D;
    return toRgb({ y: mixed('y'), cb: mixed('cb'), cr: mixed('cr') });
  });
}

/** The draws of patches as the index of the quality of each pixel: [n, height, width, 1], float32. */
export function pixelChoices(patches: readonly PatchQualities[], height: number, width: number): Tensor4D {
  const indices = new Float32Array(patches.length * height * width);
  patches.forEach((of, n) => {
    const { columns } = checkPatchQualities(of, height, width);
    const { patch, offset, choice } = of;
    const place = (at: number, corner: number) => Math.floor((at + ((patch - corner) % patch)) / patch);
    const across = Int32Array.from({ length: width }, (_, x) => place(x, offset.x));
    for (let y = 0, i = n * height * width; y < height; y++) {
      const row = place(y, offset.y) * columns;
      for (let x = 0; x < width; x++, i++) indices[i] = choice[row + across[x]!]!;
    }
  });
  return tf.tensor4d(indices, [patches.length, height, width, 1]);
}

/** What each quality leaves of the images. */
function atQualities(
  images: Tensor4D,
  qualities: readonly number[],
  subsampling: Subsampling,
  rounding: Rounding,
): readonly Components[] {
  const [, height, width] = images.shape;
  const { luma, chroma } = encodeBlocks(tf.mul(images, 255), subsampling);
  const tables = qualities.map(quantisationTables);
  const rounded = (coefficients: Tensor4D, component: 'luma' | 'chroma') =>
    tables.map((of) => {
      const step = tf.tensor1d(Float32Array.from(of[component]));
      return tf.mul<Tensor4D>(rounding(tf.div(coefficients, step)), step);
    });
  const quantised = { luma: tf.concat(rounded(luma, 'luma'), 0), chroma: tf.concat(rounded(chroma, 'chroma'), 0) };
  return decodeBlocks(quantised, qualities.length, { height, width }, subsampling);
}

function toRgb(components: Components): Tensor4D {
  const { y, cb, cr } = components;
  const [n, height, width] = y.shape;
  const column = (plane: Tensor4D) => tf.reshape(plane, [-1, 1]);
  const share = (plane: Tensor4D, of: readonly number[]) => tf.matMul(column(plane), tf.tensor2d([...of], [1, 3]));
  const sum = tf.addN([share(y, TO_RGB.y), share(cb, TO_RGB.cb), share(cr, TO_RGB.cr)]);
  const rgb = tf.reshape(tf.div(tf.add(sum, 128), 255), [n, height, width, 3]);
  return tf.clipByValue(rgb as Tensor4D, 0, 1);
}
