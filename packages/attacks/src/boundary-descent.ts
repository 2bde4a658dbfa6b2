import * as tf from '@tensorflow/tfjs-core';
import type { Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import type { AttackInput, AttackOutput } from '@shield/core';
import { SAFETY } from './gradient-steps.js';
import { column, lengths, unit, type LpNorm } from './lp-balls.js';
import { margin, oneHot } from './losses.js';
import { withGradient } from './with-gradient.js';

/** What is known of each image at the point where it stands, [n] each; lengths in [0, 1] units. */
export interface Standing {
  /** 1 where the model is wrong (says the target), else 0. */
  readonly wrong: Tensor1D;
  /** 1 where it has been wrong before or is now. */
  readonly found: Tensor1D;
  /** Norm of the change. */
  readonly length: Tensor1D;
  /** Norm of the smallest change that the model gets wrong; of the largest that there is while none was found. */
  readonly best: Tensor1D;
  /** By how much the model is right, in logits. */
  readonly right: Tensor1D;
  readonly gradient: Tensor4D;
  readonly radius: Tensor1D;
  /** The relative change of the radius at this step. */
  readonly gamma: Tensor1D;
}

/** A descent along the boundary of the model, within a ball whose radius follows the smallest change. */
export interface BoundaryDescent {
  readonly norm: LpNorm;
  readonly steps: number;
  /** Of the first step and the last, in [0, 1] units and the L2 norm; between them along a cosine. */
  readonly stepSize: readonly [first: number, last: number];
  /** Of the first step and the last; between them along a cosine. */
  readonly gamma: readonly [first: number, last: number];
  /** Of the ball at first; undefined: as large as a change can be. */
  readonly radius: number | undefined;
  /** [n]: what goes up where the attack is to get away from the marked class, and down where it is to reach it. */
  objective(logits: Tensor2D, marked: Tensor2D): Tensor1D;
  nextRadius(standing: Standing): Tensor1D;
  /** Brings the change into the ball, or onto its surface. */
  onto(change: Tensor4D, radius: Tensor1D): Tensor4D;
}

type Step = [change: Tensor4D, best: Tensor4D, found: Tensor1D, bestLength: Tensor1D, radius: Tensor1D];

/**
 * Goes along the gradient, scaled to the step's length in L2, and back into the ball, whose radius goes down while the
 * model is wrong and up while it is not. The smallest change that the model got wrong is the answer. All that is decided
 * for an image is decided within the compiled step.
 */
export async function boundaryDescent(input: AttackInput, how: BoundaryDescent): Promise<AttackOutput> {
  const { images, labels, targets, model } = input;
  const rows = Array.from(labels.keys());
  const step = compileStep(input, how);
  const marked = oneHot(targets ?? labels, model.classes);
  const largest = tf.tidy(() => lengths(tf.maximum(images, tf.sub<Tensor4D>(1, images)), how.norm));
  const first = how.radius;
  let state: Step = [
    tf.zerosLike(images),
    tf.zerosLike(images),
    tf.zerosLike(largest),
    tf.clone(largest),
    first === undefined ? tf.clone(largest) : tf.tidy(() => tf.minimum(largest, first)),
  ];
  try {
    for (let k = 0; k < how.steps; k++) {
      const [size, gamma] = [how.stepSize, how.gamma].map(([from, to]) =>
        tf.fill<tf.Rank.R1>([rows.length], to + ((from - to) * (1 + Math.cos((Math.PI * k) / how.steps))) / 2),
      ) as [Tensor1D, Tensor1D];
      const next = step(rows, images, marked, largest, size, gamma, ...state);
      tf.dispose([size, gamma, ...state]);
      state = next;
      await input.checkpoint({ done: k + 1, of: how.steps });
    }
    const [change, best, found] = state;
    const answer = tf.tidy(() => clipped(tf.add(images, tf.where(tf.cast(column(found), 'bool'), best, change))));
    return { images: answer, iterations: new Int32Array(rows.length).fill(how.steps) };
  } finally {
    tf.dispose([marked, largest, ...state]);
  }
}

function compileStep({ model, targets }: AttackInput, how: BoundaryDescent) {
  const sign = targets ? -1 : 1;
  return model.compile<
    [Tensor4D, Tensor2D, Tensor1D, Tensor1D, Tensor1D, Tensor4D, Tensor4D, Tensor1D, Tensor1D, Tensor1D],
    Step
  >(
    targets ? 'targeted step' : 'step',
    { forwards: 0, gradients: 1 },
    (clean, marked, largest, size, gamma, change, best, foundBefore, bestBefore, radius) => {
      const { gradient, results } = withGradient(tf.add<Tensor4D>(clean, change), (x) => {
        const logits = model.logits(x);
        const values = tf.mul<Tensor1D>(how.objective(logits, marked), sign);
        return { objective: tf.sum(values), results: { right: tf.mul<Tensor1D>(margin(logits, marked), sign) } };
      });
      const { right } = results;
      const length = lengths(change, how.norm);
      const wrong = tf.less<Tensor1D>(right, -SAFETY);
      const smaller = tf.logicalAnd<Tensor1D>(wrong, tf.lessEqual(length, bestBefore));
      const standing: Standing = {
        wrong: tf.cast<Tensor1D>(wrong, 'float32'),
        found: tf.maximum<Tensor1D>(foundBefore, tf.cast(wrong, 'float32')),
        length,
        best: tf.where(smaller, length, bestBefore),
        right,
        gradient,
        radius,
        gamma,
      };
      const nextRadius = tf.minimum<Tensor1D>(how.nextRadius(standing), largest);
      const moved = tf.add<Tensor4D>(change, tf.mul(unit(gradient), column(size)));
      const held = tf.sub<Tensor4D>(clipped(tf.add(clean, how.onto(moved, nextRadius))), clean);
      // A gradient that is no number is never followed.
      const sane = tf.equal(right, right);
      return [
        tf.where(column(sane), held, change),
        tf.where(column(smaller), change, best),
        standing.found,
        standing.best,
        tf.where(sane, nextRadius, radius),
      ];
    },
  );
}

function clipped(images: Tensor4D): Tensor4D {
  return tf.clipByValue(images, 0, 1);
}
