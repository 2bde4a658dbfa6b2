import { ShieldError } from '../errors/index.js';
import type { Model } from '../plugin/contracts.js';
import { writeAtomically } from '../tracking/write-atomically.js';
import { writeSafetensors } from './safetensors.js';

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
  if (!model.training) throw new ShieldError('TRAINING_IMPOSSIBLE', { reason: 'this model has no variables to save' });
  const tensors = new Map<string, { shape: readonly number[]; data: Float32Array }>();
  for (const [name, variable] of Object.entries(model.training.variables)) {
    tensors.set(name, { shape: variable.shape, data: Float32Array.from(await variable.data()) });
  }
  const file = writeSafetensors(tensors, metadata);
  await writeAtomically(path, file);
  return { path, bytes: file.byteLength };
}
