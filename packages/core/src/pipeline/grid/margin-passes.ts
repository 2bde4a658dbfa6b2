import * as tf from '@tensorflow/tfjs-core';
import type { Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import type { TargetModel } from '../../plugin/contracts.js';

/** What each image is to get away from, or to reach. */
export interface Goals {
  readonly labels: Int32Array;
  readonly targets?: Int32Array;
}

/** How far each image is from fooling the model: below 0, it does. */
export interface MarginPasses {
  /** @param rows which of the attack's images they are; the margins, one an image */
  margins(rows: readonly number[], images: Tensor4D): Promise<Float32Array>;
  /** The way down the margin, [rows, h, w, 3] flat; NaN counts as no way. */
  descents(rows: readonly number[], images: Tensor4D): Promise<Float32Array>;
}

/** Larger than any difference of logits: takes a class out of a maximum. */
const OUT_OF_REACH = 1e6;

/**
 * Logit of the label over the best other one, or best other logit over that of the target; over what the model's own
 * float sums may do to it in a batch of another size.
 */
export function marginPasses(model: TargetModel, { labels, targets }: Goals): MarginPasses {
  const sign = targets ? -1 : 1;
  const marked = (rows: readonly number[]) => {
    const values = new Float32Array(rows.length * model.classes);
    rows.forEach((row, i) => (values[i * model.classes + (targets ?? labels)[row]!] = 1));
    return tf.tensor2d(values, [rows.length, model.classes]);
  };
  const margin = (images: Tensor4D, oneHot: Tensor2D): Tensor1D => {
    const logits = model.logits(images);
    const own = tf.sum<Tensor1D>(tf.mul(logits, oneHot), 1);
    const other = tf.max<Tensor1D>(tf.sub(logits, tf.mul(oneHot, OUT_OF_REACH)), 1);
    return tf.mul(tf.sub(own, other), sign);
  };
  const suffix = targets ? ' to the targets' : '';
  const forward = model.compile<[Tensor4D, Tensor2D], [Tensor1D]>(
    `grid margin${suffix}`,
    { forwards: 1, gradients: 0 },
    (images, oneHot) => [margin(images, oneHot)],
  );
  const backward = model.compile<[Tensor4D, Tensor2D], [Tensor4D]>(
    `grid descent${suffix}`,
    { forwards: 0, gradients: 1 },
    (images, oneHot) => [tf.grad((x) => tf.neg(tf.sum(margin(x as Tensor4D, oneHot))))(images) as Tensor4D],
  );
  const read = async (pass: typeof forward | typeof backward, rows: readonly number[], images: Tensor4D) => {
    const oneHot = marked(rows);
    const [output] = pass(rows, images, oneHot);
    try {
      return (await output.data()) as Float32Array;
    } finally {
      tf.dispose([output, oneHot]);
    }
  };
  return {
    margins: (rows, images) => read(forward, rows, images),
    descents: async (rows, images) =>
      (await read(backward, rows, images)).map((value) => (Number.isFinite(value) ? value : 0)),
  };
}
