import * as tf from '@tensorflow/tfjs-core';
import type { Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import { ShieldError, reasonOf } from '../../errors/index.js';
import type { PlannedAttack } from '../context.js';
import type { AttackerView } from './attacker-view.js';

/** What is asked before each batch of an attack that follows gradients. */
export interface GradientCheck {
  check(images: Tensor4D, labels: Int32Array): Promise<void>;
  /** What is to be said after the last batch. */
  readonly warning: string | undefined;
}

/**
 * Whether an adaptive attack has a gradient to follow at all: a defense whose own gradient is zero (rounding taken
 * literally, say) makes every attack look weak. Looks at each image once, before its attack, with a pass of its own.
 */
export class GradientFlow implements GradientCheck {
  #images = 0;
  #without = 0;

  constructor(
    private readonly view: AttackerView,
    private readonly attack: PlannedAttack,
  ) {}

  /**
   * Before a batch is attacked, so that nothing of one without gradients is kept and a resumed run meets it again.
   *
   * @throws ADAPTIVE_NO_GRADIENT where none of the images has one
   */
  async check(images: Tensor4D, labels: Int32Array): Promise<void> {
    this.view.onRows?.(labels.map((_, i) => i));
    const without = await withoutGradient(this.view, images, labels);
    if (without === labels.length) {
      const { of, against } = this.attack;
      throw new ShieldError('ADAPTIVE_NO_GRADIENT', { attack: of, defense: against!.name });
    }
    this.#images += labels.length;
    this.#without += without;
  }

  get warning(): string | undefined {
    if (this.#without === 0) return undefined;
    const { of, against } = this.attack;
    return `${of} against ${against!.name}: no gradient reaches ${this.#without} of ${this.#images} images`;
  }
}

/**
 * Whether the model under a gray-box or black-box attack can be differentiated at all. Asks once, about the images of
 * the first batch: one of them, and all only where that one has no gradient.
 */
export class FirstGradient implements GradientCheck {
  #asked = false;
  #blind = 0;

  constructor(
    private readonly view: AttackerView,
    private readonly attack: PlannedAttack,
    private readonly model: string,
  ) {}

  /** @throws MODEL_NO_GRADIENT where tfjs cannot differentiate the model */
  async check(images: Tensor4D, labels: Int32Array): Promise<void> {
    if (this.#asked) return;
    this.#asked = true;
    const first = tf.slice(images, 0, 1);
    try {
      if ((await withoutGradient(this.view, first, labels.slice(0, 1))) === 0) return;
      const without = await withoutGradient(this.view, images, labels);
      if (without === labels.length) this.#blind = without;
    } catch (error) {
      if (error instanceof ShieldError) throw error;
      throw new ShieldError('MODEL_NO_GRADIENT', { path: this.model, reason: reasonOf(error) }, { cause: error });
    } finally {
      first.dispose();
    }
  }

  get warning(): string | undefined {
    if (this.#blind === 0) return undefined;
    return (
      `${this.attack.name}: no gradient of ${this.model} reaches any of the first ${this.#blind} images; ` +
      'an attack that follows gradients says nothing of it (square, hop_skip_jump and boundary need none)'
    );
  }
}

/** How many of the images have no gradient that can be followed. */
async function withoutGradient(view: AttackerView, images: Tensor4D, labels: Int32Array): Promise<number> {
  const largest = tf.tidy(() => {
    const marked = tf.oneHot(tf.tensor1d(labels, 'int32'), view.classes) as Tensor2D;
    // The label's logit, not the loss: cross-entropy has no gradient where the model is sure beyond float32.
    const gradient = tf.grad((x) => tf.sum(tf.mul(view.logits(x as Tensor4D), marked)))(images);
    return tf.max(tf.abs(gradient), [1, 2, 3]);
  });
  const values = await largest.data();
  largest.dispose();
  return values.filter((value) => !(value > 0 && Number.isFinite(value))).length;
}
