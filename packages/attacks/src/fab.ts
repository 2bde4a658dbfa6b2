import * as tf from '@tensorflow/tfjs-core';
import type { Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import type { AttackInput, AttackOutput, Random } from '@shield/core';
import { WRONG_BY } from './apgd-best-images.js';
import { otherClasses } from './apgd-other-classes.js';
import { lengthOf, project } from './fab-projection.js';
import { margin, oneHot } from './losses.js';
import { withGradient } from './with-gradient.js';

export interface Fab {
  readonly norm: 'linf' | 'l2';
  /** In [0, 1] units. */
  readonly eps: number;
  readonly steps: number;
  readonly restarts: number;
  readonly targets: number;
  readonly alphaMax: number;
  readonly eta: number;
  readonly beta: number;
  readonly earlyStop: boolean;
}

/** What is known of one image. */
interface Search {
  readonly image: number;
  readonly clean: Float32Array;
  /** The smallest misclassified change so far; Infinity while there is none. */
  length: number;
  best: Float32Array;
}

/** FAB for each of the most likely classes, all images of a batch side by side. */
export async function fab(input: AttackInput, how: Fab): Promise<AttackOutput> {
  const { model, images, labels } = input;
  const [, ...size] = images.shape;
  const pixels = (await images.data()) as Float32Array;
  const length = size[0] * size[1] * size[2];
  const searches = Array.from(labels, (_, image): Search => {
    const clean = pixels.slice(image * length, (image + 1) * length);
    return { image, clean, length: Infinity, best: clean };
  });
  const iterations = new Int32Array(labels.length);
  const others = await otherClasses(input, how.targets);
  const ask = compileFab(input);
  const aims = Math.min(how.targets, model.classes - 1);
  const of = aims * how.restarts * how.steps;
  const wanted = ({ length }: Search) => !(how.earlyStop && length <= how.eps);
  let done = 0;
  for (let aim = 0; aim < aims; aim++) {
    for (let restart = 0; restart < how.restarts; restart++) {
      const draw = aim * how.restarts + restart;
      const points = new Map(
        searches.map((s) => [s, restart === 0 ? s.clean.slice() : nearby(s, input.random(s.image, draw), how)]),
      );
      for (let k = 0; k < how.steps; k++) {
        const active = searches.filter(wanted);
        if (active.length === 0) return output(searches, size, iterations);
        const at = active.map((s) => points.get(s)!);
        const marks = {
          images: active.map(({ image }) => image),
          labels: active.map(({ image }) => labels[image]!),
          targets: active.map(({ image }) => others[image]![aim]!),
        };
        const { normals, gaps } = await ask.plane(marks, stack(at, size));
        const next = active.map((s, row) =>
          step(at[row]!, s.clean, normals.subarray(row * length, (row + 1) * length), gaps[row]!, how),
        );
        const right = await ask.right(marks, stack(next, size));
        active.forEach((s, row) => {
          iterations[s.image]!++;
          points.set(s, right[row]! < -WRONG_BY ? found(s, next[row]!, how) : next[row]!);
        });
        await input.checkpoint({ done: ++done, of });
      }
    }
  }
  return output(searches, size, iterations);
}

/** One step (equations 8 to 10): between the projections of the point and of the clean image, beyond the boundary. */
function step(x: Float32Array, clean: Float32Array, normal: Float32Array, gap: number, how: Fab): Float32Array {
  const { norm, eta, alphaMax } = how;
  const here = project(x, { normal, gap, norm });
  const fromClean = clean.reduce((sum, value, i) => sum + normal[i]! * (value - x[i]!), 0);
  const there = project(clean, { normal, gap: gap - fromClean, norm });
  const [a, b] = [lengthOf(here, norm), lengthOf(there, norm)];
  const alpha = a + b > 0 ? Math.min(a / (a + b), alphaMax) : 0;
  return x.map((value, i) => {
    const moved = (1 - alpha) * (value + eta * here[i]!) + alpha * (clean[i]! + eta * there[i]!);
    // A gradient that is NaN leaves the point where it is.
    return Number.isNaN(moved) ? value : Math.min(1, Math.max(0, moved));
  });
}

/** Keeps a misclassified point where it is the nearest yet, and gives the point to go on from (equation 12). */
function found(search: Search, x: Float32Array, { norm, beta }: Fab): Float32Array {
  const { clean } = search;
  const length = lengthOf(
    x.map((value, i) => value - clean[i]!),
    norm,
  );
  if (length < search.length) {
    search.length = length;
    search.best = x;
  }
  return x.map((value, i) => (1 - beta) * clean[i]! + beta * value);
}

/** A random point within half of eps, or of the smallest change so far. */
function nearby({ clean, length }: Search, random: Random, { norm, eps }: Fab): Float32Array {
  const radius = (Math.min(length, eps) / 2) * random.uniform();
  const direction = Float64Array.from(clean, () => (norm === 'linf' ? 2 * random.uniform() - 1 : random.normal()));
  const scale = radius / Math.max(lengthOf(direction, norm), Number.MIN_VALUE);
  return clean.map((value, i) => Math.min(1, Math.max(0, value + scale * direction[i]!)));
}

interface Marks {
  readonly images: readonly number[];
  readonly labels: readonly number[];
  readonly targets: readonly number[];
}

function compileFab({ model }: AttackInput) {
  type Plane = [normal: Tensor4D, gap: Tensor1D];
  const plane = model.compile<[Tensor4D, Tensor2D, Tensor2D], Plane>(
    'plane',
    { forwards: 0, gradients: 1 },
    (x, marked, aim) => {
      const { gradient, results } = withGradient(x, (x) => {
        const lead = tf.sum<Tensor1D>(tf.mul(model.logits(x), tf.sub(aim, marked)), 1);
        return { objective: tf.sum(lead), results: { lead } };
      });
      return [gradient, tf.neg(results.lead)];
    },
  );
  const judge = model.compile<[Tensor4D, Tensor2D], [Tensor1D]>(
    'margin',
    { forwards: 1, gradients: 0 },
    (x, marked) => [margin(model.logits(x), marked)],
  );
  return {
    /** The linearised boundary between label and target at each point, which is disposed. */
    async plane({ images, labels, targets }: Marks, x: Tensor4D) {
      const [marked, aim] = [oneHot(labels, model.classes), oneHot(targets, model.classes)];
      const [normal, gap] = plane(images, x, marked, aim);
      try {
        return { normals: (await normal.data()) as Float32Array, gaps: await gap.data() };
      } finally {
        tf.dispose([x, marked, aim, normal, gap]);
      }
    },
    /** By how much the model is right at each point, which is disposed. */
    async right({ images, labels }: Marks, x: Tensor4D) {
      const marked = oneHot(labels, model.classes);
      const [right] = judge(images, x, marked);
      try {
        return await right.data();
      } finally {
        tf.dispose([x, marked, right]);
      }
    },
  };
}

function stack(points: readonly Float32Array[], size: readonly [number, number, number]): Tensor4D {
  const values = new Float32Array(points.length * size[0] * size[1] * size[2]);
  points.forEach((point, row) => values.set(point, row * point.length));
  return tf.tensor4d(values, [points.length, ...size]);
}

function output(
  searches: readonly Search[],
  size: readonly [number, number, number],
  iterations: Int32Array,
): AttackOutput {
  const best = searches.map((search) => search.best);
  return { images: stack(best, size), iterations };
}
