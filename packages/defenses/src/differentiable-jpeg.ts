import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor4D } from '@tensorflow/tfjs-core';
import { planeCodings, type PlaneCoding } from './jpeg-line-maps.js';
import { checkPatchQualities, type PatchQualities } from './jpeg-kernel/patch-qualities.js';
import { quantisationTables } from './jpeg-kernel/quantisation.js';
import type { Subsampling } from './jpeg-kernel/settings.js';
import { separable } from './separable.js';

/** RGB to Y, Cb, Cr (JFIF 1.02), Cb and Cr about 0; one column for each of the three. */
const TO_YCC = [
  [0.299, -0.168736, 0.5],
  [0.587, -0.331264, -0.418688],
  [0.114, 0.5, -0.081312],
];
const TO_RGB = [
  [1, 1, 1],
  [0, -0.344136, 1.772],
  [1.402, -0.714136, 0],
];

/** How coefficients in quantisation steps are rounded. */
export type Rounding = (steps: Tensor) => Tensor;

/**
 * Rounding to the nearest whole number, but for the cube of what is rounded away (Shin and Song 2017, section 2.3): off by
 * 1/8 of a step at most, with the derivative 3 (x - round(x))² in place of 0.
 */
export function softRound(steps: Tensor): Tensor {
  const whole = tf.round(steps);
  return tf.add(whole, tf.pow(tf.sub(steps, whole), 3));
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
  return tf.tidy(() => {
    const [, height, width] = images.shape;
    const codings = planeCodings(height, width, subsampling);
    return toRgb(decode(encode(images, codings), codings, quality, rounding));
  });
}

/**
 * Stochastic local quantization likewise: of each pixel what the quality of its patch gives.
 *
 * @param images [n, h, w, 3] in [0, 1]
 * @param patches the draw of each image; all of the same qualities
 */
export function differentiableSlq(
  images: Tensor4D,
  patches: readonly PatchQualities[],
  subsampling: Subsampling,
  rounding: Rounding = softRound,
): Tensor4D {
  return tf.tidy(() => {
    const [, height, width] = images.shape;
    const codings = planeCodings(height, width, subsampling);
    const coefficients = encode(images, codings);
    const parts = patches[0]!.qualities.map((quality, k) =>
      tf.mul<Tensor4D>(decode(coefficients, codings, quality, rounding), drawn(patches, k, height, width)),
    );
    return toRgb(tf.addN(parts));
  });
}

interface Components<T> {
  readonly luma: T;
  readonly chroma: T;
}

/** DCT coefficients of whole blocks: luma [n, H, W, 1], chroma [n, H', W', 2]. */
function encode(images: Tensor4D, codings: Components<PlaneCoding>): Components<Tensor4D> {
  const ycc = tf.sub<Tensor4D>(perPixel(tf.mul(images, 255), TO_YCC), [128, 0, 0]);
  const [luma, chroma] = tf.split(ycc, [1, 2], 3) as [Tensor4D, Tensor4D];
  const forward = (plane: Tensor4D, { rows, columns }: PlaneCoding) => separable(plane, rows.forward, columns.forward);
  return { luma: forward(luma, codings.luma), chroma: forward(chroma, codings.chroma) };
}

/** Rounded to the steps of a quality and turned back: Y, Cb, Cr about 0, [n, h, w, 3]. */
function decode(
  coefficients: Components<Tensor4D>,
  codings: Components<PlaneCoding>,
  quality: number,
  rounding: Rounding,
): Tensor4D {
  const steps = quantisationTables(quality);
  const inverse = (component: 'luma' | 'chroma') => {
    const plane = coefficients[component];
    const [, height, width] = plane.shape;
    const step = tf.tile(tf.tensor4d(Float32Array.from(steps[component]), [1, 8, 8, 1]), [1, height / 8, width / 8, 1]);
    const { rows, columns } = codings[component];
    return separable(tf.mul<Tensor4D>(rounding(tf.div(plane, step)), step), rows.inverse, columns.inverse);
  };
  return tf.concat([tf.clipByValue(inverse('luma'), -128, 127), inverse('chroma')], 3);
}

function toRgb(ycc: Tensor4D): Tensor4D {
  return tf.clipByValue(tf.div<Tensor4D>(tf.add(perPixel(ycc, TO_RGB), 128), 255), 0, 1);
}

function perPixel(images: Tensor4D, matrix: number[][]): Tensor4D {
  return tf.reshape(tf.matMul(tf.reshape(images, [-1, 3]), tf.tensor2d(matrix)), images.shape);
}

/** 1 where the patch of a pixel drew this quality, else 0: [n, height, width, 1]. */
function drawn(patches: readonly PatchQualities[], quality: number, height: number, width: number): Tensor4D {
  const mask = new Float32Array(patches.length * height * width);
  patches.forEach((of, n) => {
    const { columns } = checkPatchQualities(of, height, width);
    const { patch, offset, choice } = of;
    const place = (at: number, corner: number) => Math.floor((at + ((patch - corner) % patch)) / patch);
    for (let y = 0, i = n * height * width; y < height; y++) {
      for (let x = 0; x < width; x++, i++) {
        if (choice[place(y, offset.y) * columns + place(x, offset.x)] === quality) mask[i] = 1;
      }
    }
  });
  return tf.tensor4d(mask, [patches.length, height, width, 1]);
}
