import { loadTfjs } from '../backend/tfjs.js';
import { ShieldError } from '../errors/index.js';
import type { Model } from '../plugin/contracts.js';
import { writeAtomically } from '../files/write-atomically.js';
import { writeSafetensors } from './safetensors.js';
import { rowMajorStrides, toFloat32, type WeightMap } from './weight-tensor.js';

/** Tensors to be written, row by row. */
export type StoredTensors = Map<string, { shape: readonly number[]; data: Float32Array<ArrayBuffer> }>;

/**
 * Saves a model's variables as a safetensors file that the model's plugin can load again.
 *
 * @param metadata where they come from; kept in the file
 * @returns the path and size
 * @throws TRAINING_IMPOSSIBLE for a model without variables; DISK_FULL, WRITE_FAILED: then nothing is left
 */
export async function saveWeights(
  model: Model,
  path: string,
  metadata: Readonly<Record<string, string>> = {},
): Promise<{ path: string; bytes: number }> {
  const file = writeSafetensors(await weightsOf(model), metadata);
  await writeAtomically(path, file);
  return { path, bytes: file.byteLength };
}

/** A model's variables under the names and in the layouts that they are saved in. @throws TRAINING_IMPOSSIBLE */
export async function weightsOf({ training }: Model): Promise<StoredTensors> {
  if (!training) throw new ShieldError('TRAINING_IMPOSSIBLE', { reason: 'this model has no variables to save' });
  const tensors: StoredTensors = new Map();
  for (const [name, variable] of Object.entries(training.variables)) {
    const { shape } = variable;
    const data = Float32Array.from(await variable.data());
    const axes = training.savedAxes?.[name] ?? shape.map((_, i) => i);
    tensors.set(name, {
      shape: axes.map((axis) => shape[axis]!),
      data: toFloat32({ shape, strides: rowMajorStrides(shape), data }, axes),
    });
  }
  return tensors;
}

/**
 * Puts what {@link weightsOf} gave back into a model's variables.
 *
 * @param path for the message of an error
 * @throws WEIGHTS_INVALID where a tensor is missing or has another shape; nothing is changed then
 */
export async function assignWeights(model: Model, tensors: WeightMap, path: string): Promise<void> {
  const tf = await loadTfjs();
  const { variables, savedAxes } = model.training!;
  const values = Object.entries(variables).map(([name, { shape }]) => {
    const axes = savedAxes?.[name] ?? shape.map((_, i) => i);
    const wanted = axes.map((axis) => shape[axis]!);
    const found = tensors.get(name);
    if (found?.shape.join() !== wanted.join()) {
      const reason = found
        ? `${name} has shape [${found.shape.join(', ')}], not [${wanted.join(', ')}]`
        : `there is no tensor ${name}`;
      const expected = 'give weights that were saved from this very model';
      throw new ShieldError('WEIGHTS_INVALID', { path, reason, expected });
    }
    return toFloat32(
      found,
      shape.map((_, i) => axes.indexOf(i)),
    );
  });
  Object.values(variables).forEach((variable, i) =>
    tf.tidy(() => variable.assign(tf.tensor(values[i]!.slice(), variable.shape))),
  );
}
