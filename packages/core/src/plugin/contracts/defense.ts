import type { Static, TObject } from '@sinclair/typebox';
import type { Tensor, Tensor4D } from '@tensorflow/tfjs-core';
import type { Random } from '../../random/random.js';
import type { DefinitionBase } from './definition.js';
import type { Image } from './image.js';

/** How an adaptive attacker goes through the defense (BPDA, Athalye et al. 2018): the identity, or tfjs ops. */
export type DefenseGradient<S extends TObject> =
  'straight-through' | ((images: Tensor4D, randoms: readonly Random[], options: Static<S>) => Tensor4D);

/** A gradient that can be a graph, since what is drawn stands apart; see `drawnGradient`. */
export interface DrawnGradient<O> {
  /** All that is random, as tensors of a row an image; none for a defense without randomness. */
  draws(size: { readonly height: number; readonly width: number }, randoms: readonly Random[], options: O): Tensor[];
  /** Pure. @param images [n, h, w, 3] in [0, 1] */
  through(images: Tensor4D, draws: readonly Tensor[], options: O): Tensor4D;
}

/** One option that does not go with the others, or with the images. */
export interface OptionFault {
  readonly option: string;
  /** What follows the option's name: "is 7, and …". */
  readonly reason: string;
  /** How to mend it. */
  readonly expected: string;
}

export interface DefenseDefinition<S extends TObject = TObject> extends DefinitionBase<S> {
  /** `bytes`: a codec that sees 8-bit pixels (the hand-over rounds or truncates); `floats`: sees floats as they are. */
  readonly takes: 'bytes' | 'floats';
  /** Whether it draws random numbers: such a defense is scored over several draws. */
  readonly random: boolean;
  readonly gradient: DefenseGradient<S>;
  /**
   * What the schema cannot say of the options: how they go together. Asked when a spec is checked, and with the size of
   * the images before anything is computed, so that no run fails at its first defended image.
   */
  check?(options: Static<S>, size?: { readonly height: number; readonly width: number }): OptionFault | undefined;
  /**
   * One image. `bytes` defenses are given and return a ByteImage, `floats` ones a FloatImage in [0, 1]. A defense that
   * changes the size says so by what it returns; the pipeline scales to the model's input as the spec spells out.
   */
  apply(image: Image, options: Static<S>, random: Random): Promise<Image> | Image;
}
