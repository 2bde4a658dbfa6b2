import type { Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import type { Cost, Model } from '../../plugin/contracts.js';
import { ShieldError } from '../../errors/index.js';
import type { Interpolation } from '../../images/resize.js';
import { resizeLayer } from './resize-layer.js';

/** The network as an attacker sees it: takes images of the attacked model's size, whatever is behind. */
export interface AttackerView {
  readonly inputSize: { readonly height: number; readonly width: number };
  readonly classes: number;
  /** Index of the dataset's class 0 among these logits. */
  readonly labelOffset: number;
  logits(images: Tensor4D): Tensor2D;
  /** Whether functions that call `logits` can become graphs; a view that leaves tfjs on the way cannot. */
  readonly capturable: boolean;
  /** Told the ids of the attack's images at the beginning of each batch. */
  readonly begin?: (ids: readonly string[]) => void;
  /** Told which of the attack's images the rows of the next call belong to. */
  readonly onRows?: (rows: ArrayLike<number>) => void;
  /** What a pass of the attack costs in passes of the network. */
  readonly costOf?: (cost: Cost) => Cost;
  dispose(): void;
}

/** Gray-box: the attacked model itself, without its defenses. */
export function undefended(model: Model): AttackerView {
  const { inputSize, classes, labelOffset } = model;
  const logits = (images: Tensor4D) => model.logits(images);
  return { inputSize, classes, labelOffset, logits, capturable: !model.outside, dispose: () => undefined };
}

/**
 * Black-box by transfer (Papernot et al. 2016): images are made on a source model and tried on the attacked one. They
 * have the attacked model's size all the way; where the source takes another, a differentiable resize stands before it.
 *
 * @throws CLASSES_DIFFER where the two do not know the same number of classes
 */
export function surrogate(
  model: Model,
  source: Model,
  interpolation: Interpolation,
  names: { readonly model: string; readonly source: string },
): AttackerView {
  const known = (each: Model) => each.classes - each.labelOffset;
  if (known(model) !== known(source)) {
    const counts = { classes: known(model), otherClasses: known(source) };
    throw new ShieldError('CLASSES_DIFFER', { model: names.model, other: names.source, ...counts });
  }
  const resize = resizeLayer(model.inputSize, source.inputSize, interpolation);
  return {
    inputSize: model.inputSize,
    classes: source.classes,
    labelOffset: source.labelOffset,
    logits: (images) => source.logits(resize(images)),
    capturable: !source.outside,
    dispose: () => undefined,
  };
}
