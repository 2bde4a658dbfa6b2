import * as tf from '@tensorflow/tfjs-core';
import type { Tensor1D, Tensor2D, Tensor3D, Tensor4D } from '@tensorflow/tfjs-core';
import type { AttackInput, AttackOutput } from '@shield/core';
import { ActiveSet } from './active-set.js';
import { DoneImages } from './done-images.js';
import { dlr } from './apgd-losses.js';
import { ontoBall, unit } from './lp-balls.js';
import { crossEntropy, margin, oneHot } from './losses.js';
import { withGradient } from './with-gradient.js';

/** Wrong by so much that another batch's rounding cannot undo it. */
export const SAFETY = 1e-3;

/** Keeps a gradient that is 0 everywhere from being divided by 0. */
const TINY = 1e-30;

/** What the model sees in place of the images, anew at every step; the gradient goes through it. */
export interface View {
  /** Matrices for one image at step k (1, 2, …), each as long as `shapes` says. */
  draw(image: number, k: number): readonly Float32Array[];
  readonly shapes: readonly (readonly [number, number])[];
  apply(images: Tensor4D, ...matrices: Tensor3D[]): Tensor4D;
}

/** One update rule, of which the gradient attacks of a fixed eps are cases. Lengths are in [0, 1] units. */
export interface GradientSteps {
  readonly norm: 'linf' | 'l2';
  readonly eps: number;
  readonly stepSize: number;
  readonly steps: number;
  /** Whether an image leaves as soon as the model is wrong. Only for attacks without a view. */
  readonly earlyStop: boolean;
  /** What goes up (untargeted) or down (targeted): the cross-entropy, minus the margin, or that by the range. Default: ce. */
  readonly loss?: 'ce' | 'margin' | 'dlr';
  /** Share of the running sum of gradients that stays at each step. Default: 0, no momentum. */
  readonly decay?: number;
  /** Made of the gradient before anything else. */
  readonly smooth?: (gradient: Tensor4D) => Tensor4D;
  readonly view?: View;
}

export interface Tries {
  /** Which of the attack's images. Default: all. */
  readonly rows?: readonly number[];
  /** [rows, h, w, 3], the caller's. Default: the clean images. */
  readonly start?: Tensor4D;
  /** Default: the attack's own, over its steps. */
  readonly checkpoint?: (k: number) => Promise<void>;
}

type Step = [x: Tensor4D, velocity: Tensor4D, right: Tensor1D];
type State = { x: Tensor4D; clean: Tensor4D; velocity: Tensor4D; marked: Tensor2D };

/**
 * Steps of `stepSize` along the gradient of the loss, each scaled by the dual of the norm: its sign for linf, its
 * direction for l2. After each the change is projected onto the ball of eps and the image clipped to [0, 1].
 *
 * @returns the images of `rows`, in their order, and the steps that each took
 */
export async function gradientSteps(input: AttackInput, how: GradientSteps, tries: Tries = {}): Promise<AttackOutput> {
  const { images, labels, targets, model } = input;
  const { rows = Array.from(labels.keys()), start } = tries;
  const checkpoint = tries.checkpoint ?? ((k: number) => input.checkpoint({ done: k, of: how.steps }));
  const step = compileStep(input, how);
  const taken = new Int32Array(labels.length);
  const done = new DoneImages();
  const goals = targets ?? labels;
  const clean = tf.tidy(() => tf.gather(images, tf.tensor1d([...rows], 'int32')));
  const active = new ActiveSet<State>(rows, {
    x: tf.clone(start ?? clean),
    clean,
    // Without momentum there is none to carry along.
    velocity: how.decay ? tf.zerosLike(clean) : tf.zeros([rows.length, 1, 1, 1]),
    marked: oneHot(
      rows.map((image) => goals[image]!),
      model.classes,
    ),
  });
  /** Puts aside the images of these rows as `x` has them. */
  const leave = (going: readonly number[]) => {
    if (going.length === 0) return;
    const x = tf.tidy(() => tf.gather(active.state.x, tf.tensor1d([...going], 'int32')));
    done.add(
      going.map((row) => active.rows[row]!),
      x,
    );
    const gone = new Set(going);
    active.keep(active.rows.flatMap((_, row) => (gone.has(row) ? [] : [row])));
  };
  try {
    for (let k = 1; k <= how.steps && active.size > 0; k++) {
      const { x, clean, velocity, marked } = active.state;
      const matrices = draws(how.view, active.rows, k);
      const [nextX, nextVelocity, right] = step(active.rows, x, clean, velocity, marked, ...matrices);
      tf.dispose(matrices);
      const next = new ActiveSet(active.rows, { x: nextX, velocity: nextVelocity });
      try {
        const values = await right.data();
        // Those that were wrong before this step stay as they were, the others take it.
        const wrong = active.rows.flatMap((_, row) => (how.earlyStop && values[row]! < -SAFETY ? [row] : []));
        const standing = active.rows.flatMap((_, row) => (wrong.includes(row) ? [] : [row]));
        leave(wrong);
        next.keep(standing);
        for (const image of active.rows) taken[image]!++;
        active.update({ x: tf.clone(next.state.x), velocity: tf.clone(next.state.velocity) });
      } finally {
        right.dispose();
        next.dispose();
      }
      await checkpoint(k);
    }
    leave(active.rows.map((_, row) => row));
    return { images: done.inOrder(rows), iterations: Int32Array.from(rows, (image) => taken[image]!) };
  } finally {
    active.dispose();
    done.dispose();
  }
}

const LOSSES: Readonly<Record<'ce' | 'margin' | 'dlr', (logits: Tensor2D, marked: Tensor2D) => Tensor1D>> = {
  ce: crossEntropy,
  margin: (logits, marked) => tf.neg(margin(logits, marked)),
  dlr,
};

/** One step, and by how much the model was right before it. */
function compileStep({ model, targets }: AttackInput, how: GradientSteps) {
  const sign = targets ? -1 : 1;
  const { loss = 'ce', decay = 0, smooth, view } = how;
  return model.compile<[Tensor4D, Tensor4D, Tensor4D, Tensor2D, ...Tensor3D[]], Step>(
    targets ? 'targeted step' : 'step',
    { forwards: 0, gradients: 1 },
    (x, clean, velocity, marked, ...matrices) => {
      const { gradient, results } = withGradient(x, (x) => {
        const logits = model.logits(view ? view.apply(x, ...matrices) : x);
        const gap = margin(logits, marked);
        const values = LOSSES[loss](logits, marked);
        return { objective: tf.sum(values), results: { right: tf.mul<Tensor1D>(gap, sign) } };
      });
      const slope = smooth ? smooth(gradient) : gradient;
      const nextVelocity =
        decay === 0 ? tf.clone(velocity) : tf.add<Tensor4D>(tf.mul(velocity, decay), levelled(slope));
      const along = decay === 0 ? slope : nextVelocity;
      const moved = tf.add<Tensor4D>(x, tf.mul(direction(along, how.norm), sign * how.stepSize));
      const change = ontoBall(tf.sub(moved, clean), how.norm, how.eps);
      return [tf.clipByValue(tf.add<Tensor4D>(clean, change), 0, 1), nextVelocity, results.right];
    },
  );
}

/** Gradients of different lengths count alike in a sum (Dong et al. 2018, equation 6). */
function levelled(slope: Tensor4D): Tensor4D {
  return tf.div(slope, tf.maximum(tf.mean(tf.abs(slope), [1, 2, 3], true), TINY));
}

function direction(slope: Tensor4D, norm: 'linf' | 'l2'): Tensor4D {
  // Levelled first, since the squares of a small gradient would be 0.
  return norm === 'linf' ? tf.sign(slope) : unit(levelled(slope));
}

function draws(view: View | undefined, rows: readonly number[], k: number): Tensor3D[] {
  if (!view) return [];
  const drawn = rows.map((image) => view.draw(image, k));
  return view.shapes.map(([height, width], m) => {
    const values = new Float32Array(rows.length * height * width);
    drawn.forEach((matrices, row) => values.set(matrices[m]!, row * height * width));
    return tf.tensor3d(values, [rows.length, height, width]);
  });
}
