import * as tf from '@tensorflow/tfjs-core';
import { Type } from '@sinclair/typebox';

/** How a network wants its input, in its own numbers. */
export interface InputValues {
  readonly range: readonly number[];
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

const perChannel = (description: string, options: { default: number[]; exclusiveMinimum?: number }) =>
  Type.Array(
    Type.Number({ ...('exclusiveMinimum' in options ? { exclusiveMinimum: options.exclusiveMinimum } : {}) }),
    {
      default: options.default,
      minItems: 1,
      maxItems: 3,
      description,
    },
  );

/** The options of {@link InputValues}, for networks that come without their normalisation. */
export const inputValues = {
  range: Type.Array(Type.Number(), {
    default: [0, 1],
    minItems: 2,
    maxItems: 2,
    description: 'what black and white are to the network: [0, 1], [-1, 1], [0, 255]',
  }),
  mean: perChannel('subtracted after that, in units of `range`: one number, or one for red, green and blue', {
    default: [0],
  }),
  std: perChannel('divided by after that: one number, or one for red, green and blue', {
    default: [1],
    exclusiveMinimum: 0,
  }),
};

/** The option that says where the dataset's classes begin. */
export const classOffset = Type.Integer({
  default: 0,
  minimum: 0,
  maximum: 100_000,
  description: 'which of its classes the first of the dataset is: 1 where a background class comes first',
});

/** (low + (high − low) · x − mean) / std over images in [0, 1], as one product and one sum. */
export function normalization({ range, mean, std }: InputValues): (images: tf.Tensor4D) => tf.Tensor4D {
  const [low, high] = range as [number, number];
  const at = (values: readonly number[], channel: number) => values[values.length === 3 ? channel : 0]!;
  const scale = [0, 1, 2].map((c) => (high - low) / at(std, c));
  const offset = [0, 1, 2].map((c) => (low - at(mean, c)) / at(std, c));
  const same = (values: readonly number[], value: number) => values.every((each) => each === value);
  return (images) => {
    const scaled = same(scale, 1) ? images : tf.mul<tf.Tensor4D>(images, tf.tensor1d(scale));
    return same(offset, 0) ? scaled : tf.add<tf.Tensor4D>(scaled, tf.tensor1d(offset));
  };
}
