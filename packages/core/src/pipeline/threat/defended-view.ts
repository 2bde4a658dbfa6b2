import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import type { Backend, CapturedFunction } from '../../backend/backend.js';
import type { DefensePlugin, Model } from '../../plugin/index.js';
import { Random } from '../../random/random.js';
import { defendNow, type DefenseSetting } from '../apply-defense.js';
import type { Chosen } from '../context.js';
import { eagerly } from '../eagerly.js';
import type { AttackerView } from './attacker-view.js';
import { nestedGradient } from './nested-gradient.js';
import { resizeLayer } from './resize-layer.js';

/** One draw over one image. */
interface Draw {
  readonly id: string;
  readonly draw: number;
}

export interface DefendedViewOptions {
  readonly model: Model;
  readonly backend: Backend;
  readonly capture: boolean;
  readonly defense: Chosen<DefensePlugin>;
  /** Draws of the defense's randomness that every pass averages over (EOT); 1 for a defense without. */
  readonly eot: number;
  /** `own`: back through the function that the defense brings, where it brings one; else straight through. */
  readonly gradient: 'own' | 'straight-through';
  /** How images pass to the defense and back. */
  readonly setting: DefenseSetting;
}

/**
 * The model behind a defense, for an attacker who knows both: forward through the real defense, backward through its
 * differentiable approximation or the identity (BPDA; Athalye, Carlini, Wagner 2018, section 4), and the mean of the
 * logits over draws of its randomness (EOT; Athalye et al. 2018, section 3). Each pass draws anew, from streams that
 * belong to the image and to how often it was asked about, never to the batch.
 */
export class DefendedView implements AttackerView {
  readonly inputSize;
  readonly classes: number;
  readonly labelOffset: number;
  readonly capturable = false;
  #ids: readonly string[] = [];
  #rows: ArrayLike<number> = [];
  /** How many draws each of the batch's images has had. */
  #drawn = new Int32Array(0);
  readonly #draws: number;
  readonly #forward: CapturedFunction<[Tensor4D], [Tensor2D]>;
  readonly #backward: CapturedFunction<[Tensor4D, Tensor2D], [Tensor4D]>;

  constructor(private readonly options: DefendedViewOptions) {
    const { model, backend, capture, defense } = options;
    this.inputSize = model.inputSize;
    this.classes = model.classes;
    this.labelOffset = model.labelOffset;
    this.#draws = defense.plugin.random ? options.eot : 1;
    const logits = (images: Tensor4D): [Tensor2D] => [model.logits(images)];
    const vjp = (images: Tensor4D, dy: Tensor2D): [Tensor4D] => [
      tf.grad((x) => model.logits(x as Tensor4D))(images, dy) as Tensor4D,
    ];
    this.#forward = capture ? backend.capture(logits) : eagerly(logits);
    this.#backward = capture ? backend.capture(vjp) : eagerly(vjp);
  }

  /** Begins a batch: the ids of the attack's images. */
  begin(ids: readonly string[]): void {
    this.#ids = ids;
    this.#drawn = new Int32Array(ids.length);
  }

  readonly onRows = (rows: ArrayLike<number>): void => void (this.#rows = rows);

  /** A gradient is a pass forward, and one forward and back again, for each draw. */
  readonly costOf = ({ forwards, gradients }: { forwards: number; gradients: number }) => ({
    forwards: (forwards + gradients) * this.#draws,
    gradients: gradients * this.#draws,
  });

  logits(images: Tensor4D): Tensor2D {
    const n = images.shape[0];
    const draws = Array.from({ length: this.#draws }, () => this.#nextDraws(n));
    const defended = tf.customGrad((x, save) => {
      const inputs = draws.map((draw) => this.#defend(x as Tensor4D, draw));
      const logits = inputs.map((input) => this.#forward(input)[0]);
      const value = tf.tidy(() => tf.div<Tensor2D>(tf.addN(logits), logits.length));
      (save as (tensors: Tensor[]) => void)([x as Tensor, ...inputs]);
      const gradFunc = (dy: Tensor, saved: Tensor[]) =>
        tf.tidy(() => {
          const [from, ...through] = saved as [Tensor4D, ...Tensor4D[]];
          const share = tf.div<Tensor2D>(dy, through.length);
          const parts = nestedGradient(() =>
            through.map((input, k) => this.#back(from, this.#backward(input, share)[0], draws[k]!)),
          );
          return tf.addN(parts);
        });
      return { value, gradFunc };
    });
    return defended(images) as Tensor2D;
  }

  dispose(): void {
    this.#forward.dispose();
    this.#backward.dispose();
  }

  /** The stream of each row's next draw; an input of several copies of the batch has them one after another. */
  #nextDraws(n: number): Draw[] {
    return Array.from({ length: n }, (_, i) => {
      const image = this.#rows[i % this.#rows.length]!;
      return { id: this.#ids[image]!, draw: this.#drawn[image]!++ };
    });
  }

  #name({ id, draw }: Draw): readonly (string | number)[] {
    const { defense, setting } = this.options;
    return [setting.spec.seed, 'adaptive', defense.plugin.name, id, draw];
  }

  #defend(x: Tensor4D, draws: readonly Draw[]): Tensor4D {
    const { defense, setting } = this.options;
    const pixels = x.dataSync() as Float32Array;
    const length = pixels.length / draws.length;
    const out = new Float32Array(pixels.length);
    draws.forEach((draw, i) => {
      const image = { data: pixels.subarray(i * length, (i + 1) * length), ...this.inputSize };
      out.set(defendNow(setting, defense, image, draw.id, this.#name(draw)).data, i * length);
    });
    return tf.tensor4d(out, x.shape);
  }

  /** The gradient before the defense, from the one behind it. */
  #back(x: Tensor4D, behind: Tensor4D, draws: readonly Draw[]): Tensor4D {
    const { defense, gradient, setting } = this.options;
    const own = defense.plugin.gradient;
    if (gradient === 'straight-through' || own === 'straight-through') return behind;
    const randoms = draws.map((draw) => new Random(...this.#name(draw)));
    const through = (images: Tensor4D): Tensor4D => {
      const given = own(images, randoms, defense.options);
      const [, height, width] = given.shape;
      return resizeLayer({ height, width }, this.inputSize, setting.preprocess.interpolation)(given);
    };
    return tf.grad((images) => through(images as Tensor4D))(x, behind) as Tensor4D;
  }
}
