import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import { ShieldError, type AttackInput, type AttackOutput, type Cost } from '@shield/core';
import { ActiveSet } from './active-set.js';
import { BestImages, WRONG_BY } from './apgd-best-images.js';
import { DLR_CLASSES, TARGETED_DLR_CLASSES, dlr, targetedDlr } from './apgd-losses.js';
import { otherClasses } from './apgd-other-classes.js';
import { randomStart } from './apgd-start.js';
import { StepSize, checkpointsOf } from './apgd-step-size.js';
import { crossEntropy, margin, oneHot } from './losses.js';
import { withGradient } from './with-gradient.js';

/** Share of a step that is new; the rest goes on in the direction of the last (Croce and Hein 2020a, section 3.1). */
const MOMENTUM = 0.75;

/** Keeps a gradient that is 0 everywhere from being divided by 0. */
const TINY = 1e-12;

export interface Apgd {
  readonly attack: string;
  readonly loss: 'ce' | 'dlr' | 'targeted_dlr';
  readonly norm: 'linf' | 'l2';
  /** In [0, 1] units. */
  readonly eps: number;
  readonly steps: number;
  readonly restarts: number;
  readonly rho: number;
  readonly earlyStop: boolean;
  /** How many classes the targeted loss aims at, one after the other. */
  readonly targets?: number;
  /** Passes that loss and gradient are averaged over at each point, for a model that draws anew in each. Default: 1. */
  readonly eot?: number;
}

export function costOfApgd(how: Pick<Apgd, 'steps' | 'restarts' | 'targets' | 'eot'>): Cost {
  const { steps, restarts, targets, eot = 1 } = how;
  return { forwards: targets ? 1 : 0, gradients: restarts * (targets ?? 1) * (steps + 1) * eot };
}

type State = {
  x: Tensor4D;
  /** The point before x. */
  before: Tensor4D;
  clean: Tensor4D;
  gradient: Tensor4D;
  /** The point of largest loss, its gradient, and the point to give back. */
  best: Tensor4D;
  bestGradient: Tensor4D;
  kept: Tensor4D;
  marked: Tensor2D;
  aim?: Tensor2D;
};
type Inputs = [Tensor4D, Tensor4D, Tensor4D, Tensor4D, Tensor1D, Tensor1D, Tensor2D, ...Tensor2D[]];
type Step = [next: Tensor4D, gradient: Tensor4D, loss: Tensor1D, right: Tensor1D];

/**
 * Auto-PGD (Croce and Hein 2020a, algorithm 1): projected steps with momentum, whose size is halved as the loss asks for,
 * from a random point each try. Images that the model gets wrong try no more.
 *
 * @throws ATTACK_FAILED where the model has too few classes for the loss
 */
export async function apgd(input: AttackInput, how: Apgd): Promise<AttackOutput> {
  const { model } = input;
  const fewest = { ce: 2, dlr: DLR_CLASSES, targeted_dlr: TARGETED_DLR_CLASSES }[how.loss];
  if (model.classes < fewest) {
    const reason = `its loss ranks ${fewest} logits, and the model has ${model.classes}`;
    throw new ShieldError('ATTACK_FAILED', { name: how.attack, reason, expected: 'use apgd_ce or square' });
  }
  const step = compileStep(input, how);
  const others = how.targets ? await otherClasses(input, how.targets) : undefined;
  const aims = others ? Array.from({ length: Math.min(how.targets!, model.classes - 1) }, (_, t) => t) : [undefined];
  const results = await BestImages.of(input);
  const tries = how.restarts * aims.length;
  let t = 0;
  for (const aim of aims) {
    for (let restart = 0; restart < how.restarts; restart++, t++) {
      const rows = results.standing();
      if (rows.length === 0) return results.output();
      const targets = aim === undefined ? undefined : rows.map((image) => others![image]![aim]!);
      await oneTry(input, how, { step, rows, targets, t, tries, results });
    }
  }
  return results.output();
}

interface Try {
  readonly step: ReturnType<typeof compileStep>;
  readonly rows: readonly number[];
  readonly targets: readonly number[] | undefined;
  readonly t: number;
  readonly tries: number;
  readonly results: BestImages;
}

async function oneTry(input: AttackInput, how: Apgd, { step, rows, targets, t, tries, results }: Try): Promise<void> {
  const { labels, model, random } = input;
  const start = results.tensorOf(rows, (clean, image) => randomStart(clean, random(image, t), how));
  const labelled = rows.map((image) => labels[image]!);
  const active = new ActiveSet<State>(rows, {
    x: start,
    before: tf.clone(start),
    clean: results.tensorOf(rows),
    gradient: tf.zerosLike(start),
    best: tf.clone(start),
    bestGradient: tf.zerosLike(start),
    kept: tf.clone(start),
    marked: oneHot(labelled, model.classes),
    ...(targets ? { aim: oneHot(targets, model.classes) } : {}),
  });
  const checkpoints = checkpointsOf(how.steps);
  const sizes = new Map<number, StepSize>();
  /** By how much the model is right about what is kept of each image. */
  const kept = new Map<number, number>();
  try {
    // Step 0 goes nowhere: it gives the loss and the gradient of the start.
    for (let k = 0; k <= how.steps && active.size > 0; k++) {
      const { loss, right } = await takeStep(active, step, (image) => (k === 0 ? 0 : sizes.get(image)!.size), k);
      const better: boolean[] = [];
      const back: boolean[] = [];
      const keep: boolean[] = [];
      const wrong = active.rows.map((image, row) => {
        if (k === 0) sizes.set(image, new StepSize(checkpoints, how.rho, 2 * how.eps, loss[row]!));
        else results.spent(image);
        const seen = k === 0 ? { best: true, back: false } : sizes.get(image)!.observe(k, loss[row]!);
        better.push(seen.best);
        back.push(seen.back);
        const isWrong = right[row]! < -WRONG_BY;
        keep.push(isWrong || (seen.best && !(kept.get(image)! < -WRONG_BY)));
        if (keep[row]) kept.set(image, right[row]!);
        return isWrong;
      });
      const { x, gradient, best, bestGradient } = active.state;
      active.update({
        best: choose(better, x, best),
        bestGradient: choose(better, gradient, bestGradient),
        kept: choose(keep, x, active.state.kept),
      });
      active.update({
        x: choose(back, active.state.best, x),
        gradient: choose(back, active.state.bestGradient, gradient),
      });
      const leaving = wrong.map((isWrong) => k === how.steps || (isWrong && how.earlyStop));
      if (leaving.includes(true)) {
        await results.offer(active, leaving, kept);
        active.keep(leaving.flatMap((leaves, row) => (leaves ? [] : [row])));
      }
      await input.checkpoint({ done: t * how.steps + k, of: tries * how.steps });
    }
  } finally {
    active.dispose();
  }
}

/** Moves every image, and gives the loss at the new points and by how much the model is right there. */
async function takeStep(
  active: ActiveSet<State>,
  step: ReturnType<typeof compileStep>,
  size: (image: number) => number,
  k: number,
): Promise<{ loss: ArrayLike<number>; right: ArrayLike<number> }> {
  const { x, before, clean, gradient, marked, aim } = active.state;
  const sizes = tf.tensor1d(active.rows.map(size));
  // The first step has no direction to go on in.
  const share = tf.fill([active.size], k <= 1 ? 1 : MOMENTUM) as Tensor1D;
  const inputs: Inputs = [x, before, clean, gradient, sizes, share, marked, ...(aim ? [aim] : [])];
  const [next, slope, loss, right] = step(active.rows, ...inputs);
  tf.dispose([sizes, share]);
  active.update({ before: tf.clone(x) });
  active.update({ x: next, gradient: slope });
  try {
    return { loss: await loss.data(), right: await right.data() };
  } finally {
    tf.dispose([loss, right]);
  }
}

/** The rows of a where they are marked and those of b elsewhere; never disposes, and never copies without need. */
function choose(marked: readonly boolean[], a: Tensor4D, b: Tensor4D): Tensor4D {
  if (!marked.includes(true)) return tf.clone(b);
  if (!marked.includes(false)) return tf.clone(a);
  return tf.tidy(() => tf.where(tf.reshape(tf.tensor1d([...marked], 'bool'), [-1, 1, 1, 1]), a, b));
}

function compileStep({ model }: AttackInput, { loss, norm, eps, eot = 1 }: Apgd) {
  const cost = { forwards: 0, gradients: eot };
  return model.compile<Inputs, Step>(
    `${loss} step`,
    cost,
    (x, before, clean, gradient, size, share, marked, ...aims) => {
      const within = (z: Tensor4D) => project(z, clean, norm, eps);
      const [eta, alpha] = [size, share].map((values) => tf.reshape(values, [-1, 1, 1, 1])) as [Tensor, Tensor];
      const direction = norm === 'linf' ? tf.sign(gradient) : tf.div(gradient, tf.add(length(gradient), TINY));
      const z = within(tf.add(x, tf.mul(eta, direction)));
      const onward = tf.mul(tf.sub(1, alpha), tf.sub(x, before));
      const next = within(tf.add(tf.add(x, tf.mul(alpha, tf.sub(z, x))), onward));
      const passes = Array.from({ length: eot }, () =>
        withGradient(next, (point) => {
          const logits = model.logits(point);
          const values =
            loss === 'ce'
              ? crossEntropy(logits, marked)
              : loss === 'dlr'
                ? dlr(logits, marked)
                : targetedDlr(logits, marked, aims[0]!);
          return { objective: tf.sum(values), results: { loss: values, right: margin(logits, marked) } };
        }),
      );
      return [
        next,
        mean(passes.map(({ gradient }) => gradient)),
        mean(passes.map(({ results }) => results.loss)),
        mean(passes.map(({ results }) => results.right)),
      ];
    },
  );
}

function mean<T extends Tensor>(values: readonly T[]): T {
  return values.length === 1 ? values[0]! : tf.div<T>(tf.addN([...values]), values.length);
}

/** The nearest point (linf), or that on the way to the clean image (l2), within eps of it; then clipped to [0, 1]. */
function project(z: Tensor4D, clean: Tensor4D, norm: Apgd['norm'], eps: number): Tensor4D {
  const change = tf.sub<Tensor4D>(z, clean);
  const shortened =
    norm === 'linf'
      ? tf.clipByValue(change, -eps, eps)
      : tf.mul(change, tf.minimum(1, tf.div(eps, tf.add(length(change), TINY))));
  return tf.clipByValue(tf.add<Tensor4D>(clean, shortened), 0, 1);
}

/** The L2 norm of each image, [n, 1, 1, 1]. */
function length(images: Tensor4D): Tensor {
  return tf.sqrt(tf.sum(tf.square(images), [1, 2, 3], true));
}
