import type * as TF from '@tensorflow/tfjs-core';

/** A function over batches: the first dimension of every input and output is the batch. */
export type Batched = (...inputs: TF.Tensor[]) => TF.Tensor[];

/** The number of rows that all inputs share. */
export function batchOf(inputs: readonly TF.Tensor[]): number {
  const rows = inputs[0]?.shape[0];
  if (rows === undefined || inputs.some(({ shape }) => shape[0] !== rows)) {
    const shapes = inputs.map(({ shape }) => `[${shape.join()}]`).join(', ');
    throw new TypeError(`the inputs of a captured function must share their first dimension, the batch: ${shapes}`);
  }
  return rows;
}

/** What does not grow with the batch could not be put together again from pieces: it is refused everywhere. */
export function checkOutputs(outputs: readonly { readonly shape: readonly number[] }[], rows: number): void {
  for (const [k, { shape }] of outputs.entries()) {
    if (shape[0] === rows) continue;
    const problem = `output ${k} of a captured function has shape [${shape.join()}]`;
    throw new TypeError(`${problem}: its first dimension must be the batch, ${rows}`);
  }
}

/** Runs `fn` op by op; the outputs are the caller's own tensors even where `fn` returns an input or a constant. */
export function runEagerly(tf: typeof TF, fn: Batched, inputs: readonly TF.Tensor[]): TF.Tensor[] {
  const rows = batchOf(inputs);
  return tf.tidy(() => {
    const outputs = fn(...inputs);
    checkOutputs(outputs, rows);
    return outputs.map((output) => tf.clone(output));
  });
}

/** Rows `start` … `start + rows` of the first dimension. */
export function takeRows(tf: typeof TF, tensor: TF.Tensor, start: number, rows: number): TF.Tensor {
  const rest = tensor.shape.slice(1);
  return tf.slice(tensor, [start, ...rest.map(() => 0)], [rows, ...rest]);
}
