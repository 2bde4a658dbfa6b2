import * as tf from '@tensorflow/tfjs-core';
import type { Tensor1D, Tensor2D, Tensor3D, Tensor4D } from '@tensorflow/tfjs-core';
import type { AttackInput } from '@shield/core';
import type { AdaptiveBoundary } from './adaptive-boundary.js';
import { WRONG_BY } from './apgd-best-images.js';
import type { Plane } from './fab-projection.js';
import { margin, oneHot } from './losses.js';
import { stack } from './stack.js';
import { withGradient } from './with-gradient.js';

/** What is asked of the model at points of the attack's images `rows`. */
export interface Planes {
  /**
   * The boundary made linear that is nearest to each point, of those between its label and `classes[image]`: normals
   * [n, h, w, 3] and gaps [n].
   */
  nearest(
    rows: readonly number[],
    points: readonly Float32Array[],
    classes: readonly (readonly number[])[],
  ): Promise<{ normals: Float32Array; gaps: ArrayLike<number> }>;
  /** By how much the model is right at each point. */
  right(rows: readonly number[], points: readonly Float32Array[]): Promise<ArrayLike<number>>;
}

/** Farther than any boundary. */
const FAR = 1e30;

/** Keeps a gradient that is 0 everywhere from being divided by 0. */
const TINY = 1e-12;

/** Lead of logits that makes the boundary: on the boundary itself the model would be wrong by too little to count. */
export const BEYOND = 2 * WRONG_BY;

/** Batch sizes of graphs that hold many backward passes, which take long to make. */
const FEW_BATCHES = [1, 4];

export function compilePlanes(
  { model, images, labels }: AttackInput,
  { norm, candidates }: Pick<AdaptiveBoundary, 'norm' | 'candidates'>,
): Planes {
  const [, ...size] = images.shape;
  const count = Math.min(candidates, model.classes - 1);
  const nearest = model.compile<[Tensor4D, Tensor2D, Tensor3D], [Tensor4D, Tensor1D]>(
    count === 1 ? 'plane' : 'nearest plane',
    { forwards: 0, gradients: count },
    (x, marked, others) => {
      let distance = tf.fill<tf.Rank.R1>([x.shape[0]], FAR);
      let normal: Tensor4D = tf.zerosLike(x);
      let gap: Tensor1D = tf.zeros([x.shape[0]]);
      for (const other of tf.unstack(others, 1) as Tensor2D[]) {
        const { gradient, results } = withGradient(x, (x) => {
          const lead = tf.sum<Tensor1D>(tf.mul(model.logits(x), tf.sub(other, marked)), 1);
          return { objective: tf.sum(lead), results: { lead } };
        });
        const away = tf.div<Tensor1D>(tf.abs(results.lead), tf.add(dualLength(gradient, norm), TINY));
        // Never true of NaN: a gradient that is no number is never followed.
        const nearer = tf.less<Tensor1D>(away, distance);
        normal = tf.where(tf.reshape(nearer, [-1, 1, 1, 1]), gradient, normal);
        gap = tf.where(nearer, tf.sub<Tensor1D>(BEYOND, results.lead), gap);
        distance = tf.where(nearer, away, distance);
      }
      return [normal, gap];
    },
    count === 1 ? {} : { batches: FEW_BATCHES },
  );
  const judge = model.compile<[Tensor4D, Tensor2D], [Tensor1D]>(
    'margin',
    { forwards: 1, gradients: 0 },
    (x, marked) => [margin(model.logits(x), marked)],
  );
  const markedOf = (rows: readonly number[]) =>
    oneHot(
      rows.map((image) => labels[image]!),
      model.classes,
    );
  return {
    async nearest(rows, points, classes) {
      const [x, marked] = [stack(points, size), markedOf(rows)];
      const flat = oneHot(
        rows.flatMap((image) => classes[image]!),
        model.classes,
      );
      const others = tf.reshape<tf.Rank.R3>(flat, [rows.length, count, model.classes]);
      const [normal, gap] = nearest(rows, x, marked, others);
      try {
        return { normals: (await normal.data()) as Float32Array, gaps: await gap.data() };
      } finally {
        tf.dispose([x, marked, flat, others, normal, gap]);
      }
    },
    async right(rows, points) {
      const [x, marked] = [stack(points, size), markedOf(rows)];
      const [right] = judge(rows, x, marked);
      try {
        return await right.data();
      } finally {
        tf.dispose([x, marked, right]);
      }
    },
  };
}

/** [n, h, w, 3] → [n]: the distance to a plane in a norm is its gap over this length of its normal. */
function dualLength(gradient: Tensor4D, norm: Plane['norm']): Tensor1D {
  switch (norm) {
    case 'linf':
      return tf.sum<Tensor1D>(tf.abs(gradient), [1, 2, 3]);
    case 'l2':
      return tf.sqrt(tf.sum<Tensor1D>(tf.square(gradient), [1, 2, 3]));
    case 'l1':
      return tf.max<Tensor1D>(tf.abs(gradient), [1, 2, 3]);
  }
}
