import * as tf from '@tensorflow/tfjs-core';
import type { Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import { ShieldError } from '../../errors/index.js';
import type { PlannedAttack } from '../context.js';
import type { Reporter } from '../reporter.js';
import type { DefendedView } from './defended-view.js';

/**
 * Whether an adaptive attack has a gradient to follow at all: a defense whose own gradient is zero (rounding taken
 * literally, say) makes every attack look weak. Looks at each image once, before its attack, with a pass of its own.
 */
export class GradientFlow {
  #images = 0;
  #without = 0;

  constructor(
    private readonly view: DefendedView,
    private readonly attack: PlannedAttack,
  ) {}

  /**
   * Before a batch is attacked, so that nothing of one without gradients is kept and a resumed run meets it again.
   *
   * @throws ADAPTIVE_NO_GRADIENT where none of the images has one
   */
  async check(images: Tensor4D, labels: Int32Array): Promise<void> {
    this.view.onRows(labels.map((_, i) => i));
    const largest = tf.tidy(() => {
      const marked = tf.oneHot(tf.tensor1d(labels, 'int32'), this.view.classes) as Tensor2D;
      // The label's logit, not the loss: cross-entropy has no gradient where the model is sure beyond float32.
      const gradient = tf.grad((x) => tf.sum(tf.mul(this.view.logits(x as Tensor4D), marked)))(images);
      return tf.max(tf.abs(gradient), [1, 2, 3]);
    });
    const values = await largest.data();
    largest.dispose();
    const without = values.filter((value) => !(value > 0 && Number.isFinite(value))).length;
    if (without === values.length) {
      const { of, against } = this.attack;
      throw new ShieldError('ADAPTIVE_NO_GRADIENT', { attack: of, defense: against!.name });
    }
    this.#images += values.length;
    this.#without += without;
  }

  report(reporter: Reporter): void {
    if (this.#without === 0) return;
    const { of, against } = this.attack;
    reporter.warn(`${of} against ${against!.name}: no gradient reaches ${this.#without} of ${this.#images} images`);
  }
}
