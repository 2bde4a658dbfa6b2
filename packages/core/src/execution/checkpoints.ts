import { createHash } from 'node:crypto';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Variable } from '@tensorflow/tfjs-core';
import { ShieldError, reasonOf, systemCode } from '../errors/index.js';
import { makeFolder } from '../files/make-folder.js';
import type { Model } from '../plugin/contracts.js';
import { writeAtomically } from '../files/write-atomically.js';
import type { TrainingPosition } from '../training/train.js';
import { assignWeights, readSafetensors, toFloat32, weightsOf, writeSafetensors } from '../weights/index.js';
import { loadTfjs } from '../backend/tfjs.js';

/*
 * A checkpoint is a safetensors file with the model's weights as they are saved, the optimizer's slots beside them, and
 * in the metadata where the training stood and a checksum of the tensors. The last two are kept, and the best.
 */

const SLOT = 'optimizer/';
const DRAFT = /^\.epoch-\d+\.safetensors\./;
const NAME = /^epoch-(\d+)\.safetensors$/;
const KEPT = 2;

type Slots = Readonly<Record<string, Variable>>;

export function checkpointPath(folder: string, epoch: number): string {
  return join(folder, `epoch-${String(epoch).padStart(3, '0')}.safetensors`);
}

/** Writes the checkpoint of the epoch that was just finished; whole or not at all. @throws DISK_FULL, WRITE_FAILED */
export async function writeCheckpoint(
  folder: string,
  model: Model,
  position: TrainingPosition,
  slots: Slots,
  provenance: Readonly<Record<string, string>>,
): Promise<string> {
  const tensors = await weightsOf(model);
  for (const [name, variable] of Object.entries(slots)) {
    tensors.set(SLOT + name, { shape: variable.shape, data: Float32Array.from(await variable.data()) });
  }
  const checksum = sumOf([...tensors].map(([name, { data }]) => [name, data]));
  const path = checkpointPath(folder, position.history.length);
  await makeFolder(folder);
  await writeAtomically(
    path,
    writeSafetensors(tensors, { ...provenance, position: JSON.stringify(position), checksum }),
  );
  await removeOld(folder, position);
  return path;
}

/**
 * Puts the newest sound checkpoint of a folder into the model and the slots, and clears away what was being written when
 * the process before was killed. The run's lock says that nobody else writes there.
 *
 * @param warn is told of damaged ones, in whose place the one before is taken
 * @returns where training stood; undefined where there is no checkpoint
 */
export async function restoreCheckpoint(
  folder: string,
  model: Model,
  slots: Slots,
  warn: (message: string) => void,
): Promise<TrainingPosition | undefined> {
  for (const name of await namesIn(folder)) if (DRAFT.test(name)) await rm(join(folder, name), { force: true });
  for (const epoch of (await epochsIn(folder)).reverse()) {
    const path = checkpointPath(folder, epoch);
    try {
      return await restore(path, model, slots);
    } catch (error) {
      if (!(error instanceof ShieldError)) throw error;
      warn(`the checkpoint of epoch ${epoch} is passed over: ${error.message}`);
    }
  }
  return undefined;
}

/** Puts the weights of one checkpoint into the model. @throws WEIGHTS_INVALID */
export async function loadCheckpoint(path: string, model: Model): Promise<void> {
  await assignWeights(model, (await read(path)).tensors, path);
}

async function restore(path: string, model: Model, slots: Slots): Promise<TrainingPosition> {
  const { tensors, metadata } = await read(path);
  const values = Object.entries(slots).map(([name, variable]) => {
    const found = tensors.get(SLOT + name);
    if (found?.shape.join() !== variable.shape.join()) throw invalid(path, `the optimizer's ${name} is not in it`);
    return { variable, values: toFloat32(found) };
  });
  await assignWeights(model, tensors, path);
  const tf = await loadTfjs();
  for (const { variable, values: data } of values) {
    tf.tidy(() => variable.assign(tf.tensor(data.slice(), variable.shape)));
  }
  return JSON.parse(metadata['position']!) as TrainingPosition;
}

async function read(path: string) {
  let file: Uint8Array<ArrayBuffer>;
  try {
    file = new Uint8Array(await readFile(path));
  } catch (error) {
    throw invalid(path, reasonOf(error), error);
  }
  const found = readSafetensors(file, path);
  const { position, checksum } = found.metadata;
  const sum = sumOf([...found.tensors].map(([name, tensor]) => [name, toFloat32(tensor)]));
  if (position === undefined || checksum !== sum) throw invalid(path, 'its checksum does not fit');
  return found;
}

function sumOf(tensors: readonly (readonly [string, Float32Array])[]): string {
  const hash = createHash('sha256');
  for (const [name, data] of [...tensors].sort(([a], [b]) => (a < b ? -1 : 1))) hash.update(name).update(data);
  return hash.digest('hex');
}

async function removeOld(folder: string, { history, best }: TrainingPosition): Promise<void> {
  for (const epoch of await epochsIn(folder)) {
    if (epoch > history.length - KEPT || epoch === best) continue;
    await rm(checkpointPath(folder, epoch), { force: true });
  }
}

/** Epochs that have a checkpoint, in order. */
async function epochsIn(folder: string): Promise<number[]> {
  const names = await namesIn(folder);
  return names.flatMap((name) => NAME.exec(name)?.[1] ?? []).map(Number).sort((a, b) => a - b); // prettier-ignore
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw error;
  }
}

function invalid(path: string, reason: string, cause?: unknown): ShieldError {
  const expected = 'shield resume goes on from the checkpoint before it';
  return new ShieldError('WEIGHTS_INVALID', { path, reason, expected }, { cause });
}
