import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ShieldError } from '../../errors/index.js';
import type { WeightMap } from '../weight-tensor.js';

/** A variable as a checkpoint lists it. */
export interface CheckpointVariable {
  readonly name: string;
  readonly shape: readonly number[];
  /** As TensorFlow calls it: float32, int64, string, … */
  readonly dtype: string;
  /** Whether its values are plain numbers that `read` gives. */
  readonly loadable: boolean;
}

/** Told of a variable that is whole, and of all that came before it, while the next one is being read. */
export type Arrived = (name: string, sofar: WeightMap) => void;

export interface TensorFlowCheckpoint {
  readonly variables: readonly CheckpointVariable[];
  /** Every file that it consists of. */
  readonly files: readonly string[];
  /**
   * The values of the variables that are wanted; of the rest of the file no more than two blocks are in memory at a time.
   * All checksums on the way are verified.
   *
   * @param arrived called for each; its values are the caller's from then on
   * @throws WEIGHTS_INVALID naming the file, the fault and its byte offset
   */
  read(wanted: (name: string) => boolean, arrived?: Arrived): Promise<WeightMap>;
  close(): Promise<void>;
}

const SHARD = /^(.*)-(\d{5})-of-(\d{5})$/;

/**
 * Opens a checkpoint by whatever name it goes: a V1 file, any of its shards, the prefix of either version
 * (`model.ckpt-1000`), or a file of a V2 checkpoint (`.index`, `.data-00000-of-00001`). Reads the list of variables.
 *
 * @throws WEIGHTS_INVALID where it is not there or damaged
 */
export async function openTensorFlowCheckpoint(path: string): Promise<TensorFlowCheckpoint> {
  const prefix = await v2Prefix(path);
  if (prefix !== undefined) return (await import('./checkpoint-v2.js')).openV2(prefix);
  return (await import('./checkpoint-v1.js')).openV1(await v1Files(path));
}

async function v2Prefix(path: string): Promise<string | undefined> {
  const named = /^(.*)\.(?:index|meta|data-\d{5}-of-\d{5})$/.exec(path)?.[1];
  if (named !== undefined) return named;
  return !(await isFile(path)) && (await isFile(`${path}.index`)) ? path : undefined;
}

async function v1Files(path: string): Promise<string[]> {
  const shard = SHARD.exec(path);
  const prefix = shard?.[1] ?? path;
  if (!shard && (await isFile(path))) return [path];
  const folder = dirname(prefix);
  const shards = (await readdir(folder).catch(() => []))
    .filter((name) => SHARD.exec(name)?.[1] === basename(prefix))
    .sort();
  const of = Number(SHARD.exec(shards.at(-1) ?? '')?.[3] ?? 0);
  if (shards.length > 0 && shards.length === of) return shards.map((name) => join(folder, name));
  const reason = shards.length === 0 ? 'there is no such checkpoint' : `${shards.length} of its ${of} shards are there`;
  const expected = 'give the path of a checkpoint: the one file, a shard, or the name that its files begin with';
  throw new ShieldError('WEIGHTS_INVALID', { path, reason, expected });
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() ?? false;
}
