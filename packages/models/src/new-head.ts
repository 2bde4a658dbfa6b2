import { ShieldError, rowMajorStrides, type LoadContext, type WeightMap, type WeightTensor } from '@shield/core';
import { Type } from '@sinclair/typebox';

/** The option of a model whose classifier can be made anew for another set of labels. */
export const classesOption = Type.Integer({
  default: 0,
  minimum: 0,
  maximum: 100_000,
  description:
    'classes that the classifier tells apart; 0: as many as the weights; another number than theirs: a new ' +
    'classifier, drawn from the seed, which must be trained first (perform: [train])',
});

export interface Head {
  /** Tensors of the classifier by the names that the weights file has for them. */
  readonly kernel: string;
  readonly bias: string;
  /** Features that it takes. */
  readonly features: number;
  /** Shape of the kernel for so many classes. */
  readonly kernelShape: (classes: number) => readonly number[];
}

/**
 * The weights, with a classifier for `classes` classes where theirs has another number: uniform within ±1 / √features,
 * as PyTorch's Linear begins, zero biases.
 *
 * @param plugin names the stream of random numbers
 * @throws WEIGHTS_INVALID where the model is not to be trained: an untrained classifier would only guess
 */
export function withClasses(
  weights: WeightMap,
  classes: number,
  head: Head,
  plugin: string,
  path: string,
  context: LoadContext,
): WeightMap {
  const present = weights.get(head.bias)?.shape[0];
  if (classes === 0 || present === undefined || present === classes) return weights;
  if (!context.training) {
    const reason = `their classifier tells ${present} classes apart, not ${classes}`;
    const expected = 'leave classes out, or train a new classifier first with perform: [train]';
    throw new ShieldError('WEIGHTS_INVALID', { path, reason, expected });
  }
  context.log(`a new classifier for ${classes} classes takes the place of that for ${present}`);
  const random = context.random('new head', plugin, classes);
  const bound = 1 / Math.sqrt(head.features);
  const kernel = Float32Array.from({ length: head.features * classes }, () => bound * (2 * random.uniform() - 1));
  const tensor = (shape: readonly number[], data: Float32Array<ArrayBuffer>): WeightTensor => ({
    shape,
    strides: rowMajorStrides(shape),
    data,
  });
  return new Map([
    ...weights,
    [head.kernel, tensor(head.kernelShape(classes), kernel)],
    [head.bias, tensor([classes], new Float32Array(classes))],
  ]);
}
