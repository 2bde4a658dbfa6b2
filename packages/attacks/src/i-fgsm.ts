import * as tf from '@tensorflow/tfjs-core';
import type { Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import { Type } from '@sinclair/typebox';
import { defineAttack, type AttackInput } from '@shield/core';
import { ActiveSet } from './active-set.js';
import { crossEntropy, margin, oneHot } from './losses.js';
import { withGradient } from './with-gradient.js';

/** Wrong by so much that another batch's rounding cannot undo it. */
const SAFETY = 1e-3;

const options = Type.Object(
  {
    eps: Type.Number({
      exclusiveMinimum: 0,
      maximum: 255,
      default: 4,
      description: 'largest change of a pixel, in 0-255 levels',
    }),
    step_size: Type.Number({
      exclusiveMinimum: 0,
      maximum: 255,
      default: 1,
      description: 'change of a pixel in one step, in 0-255 levels',
    }),
    steps: Type.Integer({ minimum: 1, default: 10, description: 'gradient steps' }),
    early_stop: Type.Boolean({
      default: true,
      description: 'whether an image is left as it is as soon as the model is wrong; false: all steps, as in the paper',
    }),
  },
  { additionalProperties: false },
);

/**
 * Iterative FGSM, also called the basic iterative method (Kurakin et al. 2017, section 2.2): signed steps of
 * `step_size`, after each of which the change is clipped to eps and the image to [0, 1].
 */
export default defineAttack({
  name: 'i_fgsm',
  aliases: ['ifgsm', 'bim'],
  summary: 'iterative FGSM (basic iterative method): signed steps within eps',
  reference: {
    title: 'Kurakin, Goodfellow, Bengio: Adversarial Examples in the Physical World, ICLR 2017 workshop',
    url: 'https://arxiv.org/abs/1607.02533',
  },
  norm: 'linf',
  targeted: true,
  needs: 'gradients',
  random: false,
  options,
  cost: ({ steps }) => ({ forwards: 0, gradients: steps }),
  run: async (input, { eps, step_size, steps, early_stop }) => {
    const { images, labels, targets, model } = input;
    const step = compileStep(input, eps / 255, step_size / 255);
    const iterations = new Int32Array(labels.length);
    const done: { row: readonly number[]; x: Tensor4D }[] = [];
    const active = new ActiveSet(Array.from(labels.keys()), {
      x: tf.clone(images),
      clean: tf.clone(images),
      marked: oneHot(targets ?? labels, model.classes),
    });
    /** Puts the rows aside for which `going` holds; they are as `x` has them. */
    const leave = (going: (row: number) => boolean) => {
      const rows = active.rows.map((_, row) => row);
      const away = rows.filter(going);
      if (away.length === 0) return;
      const x = tf.tidy(() => tf.gather(active.state.x, tf.tensor1d(away, 'int32')));
      done.push({ row: away.map((row) => active.rows[row]!), x });
      active.keep(rows.filter((row) => !going(row)));
    };
    try {
      for (let k = 1; k <= steps && active.size > 0; k++) {
        const { x, clean, marked } = active.state;
        const [next, right] = step(active.rows, x, clean, marked);
        const values = await right.data();
        right.dispose();
        const wrong = (row: number) => early_stop && values[row]! < -SAFETY;
        active.rows.forEach((image, row) => (iterations[image]! += wrong(row) ? 0 : 1));
        // Those that were wrong before this step leave as they were, the others take it.
        const stays = active.rows.flatMap((_, row) => (wrong(row) ? [] : [row]));
        leave(wrong);
        active.update({ x: tf.tidy(() => tf.gather(next, tf.tensor1d(stays, 'int32'))) });
        next.dispose();
        await input.checkpoint({ done: k, of: steps });
      }
      leave(() => true);
      return { images: inOrder(done), iterations };
    } finally {
      active.dispose();
      for (const { x } of done) x.dispose();
    }
  },
});

/** One step, and by how much the model was right before it. */
function compileStep({ model, targets }: AttackInput, eps: number, size: number) {
  const sign = targets ? -1 : 1;
  return model.compile<[Tensor4D, Tensor4D, Tensor2D], [Tensor4D, Tensor1D]>(
    targets ? 'targeted step' : 'step',
    { forwards: 0, gradients: 1 },
    (x, clean, marked) => {
      const { gradient, results } = withGradient(x, (x) => {
        const logits = model.logits(x);
        const right = tf.mul<Tensor1D>(margin(logits, marked), sign);
        return { objective: tf.sum(crossEntropy(logits, marked)), results: { right } };
      });
      const moved = tf.add(x, tf.mul(tf.sign(gradient), sign * size));
      const change = tf.clipByValue(tf.sub<Tensor4D>(moved, clean), -eps, eps);
      return [tf.clipByValue(tf.add<Tensor4D>(clean, change), 0, 1), results.right];
    },
  );
}

function inOrder(parts: readonly { readonly row: readonly number[]; readonly x: Tensor4D }[]): Tensor4D {
  const rows = parts.flatMap(({ row }) => row);
  const place = new Int32Array(rows.length);
  rows.forEach((image, at) => (place[image] = at));
  return tf.tidy(() =>
    tf.gather(
      tf.concat(
        parts.map(({ x }) => x),
        0,
      ),
      tf.tensor1d(place, 'int32'),
    ),
  );
}
