import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { ShieldError, readSafetensors, reasonOf, type WeightMap } from '@shield/core';
import { isLegacyTorch, readLegacyTorch } from './torch-pickle.js';
import { isZip, readTorchZip } from './torch-zip.js';

export interface WeightsFile {
  readonly tensors: WeightMap;
  /** Of the whole file, in hex. */
  readonly sha256: string;
}

/**
 * Reads a weights file, whose form (torch.save, old or new, or safetensors) its first bytes tell.
 *
 * @throws WEIGHTS_INVALID where it is not there, damaged, or of another form
 */
export async function readWeights(path: string): Promise<WeightsFile> {
  let file: Uint8Array<ArrayBuffer>;
  try {
    file = await readFile(path);
  } catch (error) {
    const expected = 'give the path of a .pth, .pt or .safetensors file';
    throw new ShieldError('WEIGHTS_INVALID', { path, reason: reasonOf(error), expected }, { cause: error });
  }
  const tensors = parse(file, path);
  return { tensors, sha256: createHash('sha256').update(file).digest('hex') };
}

function parse(file: Uint8Array<ArrayBuffer>, path: string): WeightMap {
  if (isLegacyTorch(file)) return readLegacyTorch(file, path);
  if (isZip(file)) return readTorchZip(file, path);
  return readSafetensors(file, path).tensors;
}
