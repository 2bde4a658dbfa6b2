import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import type { Backend, CapturedFunction } from '../../backend/backend.js';
import { isDrawn } from '../../plugin/drawn-gradient.js';
import type { DefensePlugin, Model } from '../../plugin/index.js';
import { Random } from '../../random/random.js';
import { defendNow, type DefenseSetting } from '../apply-defense.js';
import type { Chosen } from '../context.js';
import { isRandom, memberStream, streams, type Chain, type StreamOf } from '../defenses.js';
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
  readonly defense: Chain;
  /** Draws of the defense's randomness that every pass averages over (EOT); 1 for a defense without. */
  readonly eot: number;
  /** `own`: back through the functions that the defenses bring, where they bring one; else straight through. */
  readonly gradient: 'own' | 'straight-through';
  /** How images pass to the defense and back. */
  readonly setting: Omit<DefenseSetting, 'model'>;
  /** Size of the attacked images; default: what the model takes. */
  readonly inputSize?: Model['inputSize'];
  /** Of an ensemble, from 0: its draws are its own. */
  readonly member?: number;
}

/**
 * The model behind a defense, for an attacker who knows both: forward through the real defense, backward through its
 * differentiable approximation or the identity (BPDA; Athalye, Carlini, Wagner 2018, section 4), and the mean of the
 * logits over draws of its randomness (EOT; Athalye et al. 2018, section 3). Of a chain each step's way back starts
 * from the image that the step was really given. A point outside of [0, 1], where accelerated methods look on their way
 * (EAD), is no image: its nearest one is defended, and the way back goes straight through that. Each pass draws anew, from streams that belong to the image and to how
 * often it was asked about, never to the batch.
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
  readonly #setting: DefenseSetting;
  readonly #forward: CapturedFunction<[Tensor4D], [Tensor2D]>;
  readonly #backward: CapturedFunction<[Tensor4D, Tensor2D], [Tensor4D]>;
  /** By place in the chain and size of what comes out: back through a defense that keeps its draws apart, as a graph. */
  readonly #behind = new Map<string, CapturedFunction<[Tensor4D, Tensor4D, ...Tensor[]], [Tensor4D]>>();

  constructor(private readonly options: DefendedViewOptions) {
    const { model, backend, capture, defense, setting } = options;
    this.inputSize = options.inputSize ?? model.inputSize;
    this.classes = model.classes;
    this.labelOffset = model.labelOffset;
    this.#draws = isRandom(defense) ? options.eot : 1;
    this.#setting = { preprocess: setting.preprocess, spec: setting.spec, model };
    const logits = (images: Tensor4D): [Tensor2D] => [model.logits(images)];
    const vjp = (images: Tensor4D, dy: Tensor2D): [Tensor4D] => [
      tf.grad((x) => model.logits(x as Tensor4D))(images, dy) as Tensor4D,
    ];
    const asGraph = capture && !model.outside;
    this.#forward = asGraph ? backend.capture(logits) : eagerly(logits);
    this.#backward = asGraph ? backend.capture(vjp) : eagerly(vjp);
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
      const given = nearestImages(x as Tensor4D);
      const passes = draws.map((draw) => this.#defend(given, draw));
      const logits = passes.map((pass) => this.#forward(pass.at(-1)!)[0]);
      const value = tf.tidy(() => tf.div<Tensor2D>(tf.addN(logits), logits.length));
      (save as (tensors: Tensor[]) => void)([given, ...passes.flat()]);
      const gradFunc = (dy: Tensor, saved: Tensor[]) =>
        tf.tidy(() => {
          const [from, ...shown] = saved as [Tensor4D, ...Tensor4D[]];
          const share = tf.div<Tensor2D>(dy, draws.length);
          const steps = shown.length / draws.length;
          const parts = nestedGradient(() =>
            draws.map((draw, k) => {
              const pass = shown.slice(k * steps, (k + 1) * steps);
              return this.#back([from, ...pass], this.#backward(pass.at(-1)!, share)[0], draw);
            }),
          );
          return tf.addN(parts);
        });
      return { value, gradFunc };
    });
    return defended(images) as Tensor2D;
  }

  dispose(): void {
    for (const { dispose } of [this.#forward, this.#backward, ...this.#behind.values()]) dispose();
    this.#behind.clear();
  }

  /** The streams of each row's next draw; an input of several copies of the batch has them one after another. */
  #nextDraws(n: number): Draw[] {
    return Array.from({ length: n }, (_, i) => {
      const image = this.#rows[i % this.#rows.length]!;
      return { id: this.#ids[image]!, draw: this.#drawn[image]!++ };
    });
  }

  #streams({ id, draw }: Draw): StreamOf {
    const { setting, member = 0 } = this.options;
    return streams([setting.spec.seed, 'adaptive'], [id, draw, ...memberStream(member)]);
  }

  /** The images after each step of the chain; the last are what the model is given. */
  #defend(x: Tensor4D, draws: readonly Draw[]): Tensor4D[] {
    const pixels = x.dataSync() as Float32Array;
    const length = pixels.length / draws.length;
    const passes = draws.map((draw, i) => {
      const image = { data: pixels.subarray(i * length, (i + 1) * length), ...this.inputSize };
      return defendNow(this.#setting, this.options.defense, image, draw.id, this.#streams(draw));
    });
    return passes[0]!.map(({ height, width }, step) => {
      const out = new Float32Array(draws.length * height * width * 3);
      passes.forEach((pass, i) => out.set(pass[step]!.data, i * height * width * 3));
      return tf.tensor4d(out, [draws.length, height, width, 3]);
    });
  }

  /** The gradient before the defense, from the one behind it. @param shown what each step was given, and the result */
  #back(shown: readonly Tensor4D[], behind: Tensor4D, draws: readonly Draw[]): Tensor4D {
    const { steps } = this.options.defense;
    return shown
      .slice(0, -1)
      .reduceRight((dy, x, place) => this.#backThrough(steps[place], place, x, shown[place + 1]!, dy, draws), behind);
  }

  #backThrough(
    step: Chosen<DefensePlugin> | undefined,
    place: number,
    x: Tensor4D,
    after: Tensor4D,
    dy: Tensor4D,
    draws: readonly Draw[],
  ): Tensor4D {
    const own = this.options.gradient === 'straight-through' ? undefined : step?.plugin.gradient;
    const function_ = own === 'straight-through' ? undefined : own;
    if (!function_ && x.shape.join() === after.shape.join()) return dy;
    const randoms = step ? draws.map((draw) => new Random(...this.#streams(draw)(step, place))) : [];
    const [, height, width] = after.shape;
    const sized = (given: Tensor4D): Tensor4D => {
      const from = { height: given.shape[1], width: given.shape[2] };
      return resizeLayer(from, { height, width }, this.#setting.preprocess.interpolation)(given);
    };
    if (function_ && isDrawn(function_) && this.options.capture) {
      const { options } = step!;
      const key = `${place}: ${height}×${width}`;
      let graph = this.#behind.get(key);
      if (!graph) {
        graph = this.options.backend.capture((from: Tensor4D, back: Tensor4D, ...drawn: Tensor[]): [Tensor4D] => [
          tf.grad((images) => sized(function_.through(images as Tensor4D, drawn, options)))(from, back) as Tensor4D,
        ]);
        this.#behind.set(key, graph);
      }
      const given = { height: x.shape[1], width: x.shape[2] };
      return graph(x, dy, ...function_.draws(given, randoms, options))[0];
    }
    const through = (images: Tensor) =>
      sized(function_ ? function_(images as Tensor4D, randoms, step!.options) : (images as Tensor4D));
    return tf.grad(through)(x, dy) as Tensor4D;
  }
}

/** Not by `clipByValue`, which makes NaN 0 on some backends: a defense is to be told of it. */
function nearestImages(x: Tensor4D): Tensor4D {
  const pixels = x.dataSync();
  if (pixels.every((value) => !(value < 0 || value > 1))) return tf.clone(x);
  return tf.tensor4d(
    Float32Array.from(pixels, (value) => (value < 0 ? 0 : value > 1 ? 1 : value)),
    x.shape,
  );
}
