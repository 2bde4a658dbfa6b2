import * as tf from '@tensorflow/tfjs-core';
import type { Tensor } from '@tensorflow/tfjs-core';
import type { AttackInput, Compiled, TargetModel } from '@shield/core';

export interface PartOfInput {
  /** Which of the attack's images. */
  readonly rows: readonly number[];
  /** The first of the draws of each image's stream that are its own. */
  readonly firstDraw: number;
  readonly checkpoint: AttackInput['checkpoint'];
}

/**
 * What an attack that is run by another one is given: some of its images. Compiled functions are shared between all
 * attacks on one model, by their names.
 */
export function partOfInput(input: AttackInput, { rows, firstDraw, checkpoint }: PartOfInput): AttackInput {
  const { images, labels, targets, ids, random, model } = input;
  const pick = (values: Int32Array) => Int32Array.from(rows, (row) => values[row]!);
  return {
    model: modelOf(model, rows),
    images: tf.tidy(() => tf.gather(images, tf.tensor1d([...rows], 'int32'))),
    labels: pick(labels),
    ...(targets ? { targets: pick(targets) } : {}),
    ids: rows.map((row) => ids[row]!),
    random: (i, draw = 0) => random(rows[i]!, firstDraw + draw),
    checkpoint,
  };
}

/** The model, with passes booked to the images that the rows are of the whole. */
function modelOf(model: TargetModel, rows: readonly number[]): TargetModel {
  return {
    inputSize: model.inputSize,
    classes: model.classes,
    logits: (images) => model.logits(images),
    compile: <I extends Tensor[], O extends Tensor[]>(...args: Parameters<typeof model.compile<I, O>>) => {
      const compiled = model.compile<I, O>(...args);
      const booked: Compiled<I, O> = (at, ...inputs) =>
        compiled(
          Int32Array.from(at, (row) => rows[row]!),
          ...inputs,
        );
      return booked;
    },
  };
}
