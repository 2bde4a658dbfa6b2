import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ShieldError, didYouMean } from '../errors/index.js';
import { findRun } from '../tracking/find-run.js';
import { listRuns, runState, type Run } from '../tracking/runs-folder.js';

/** What a training leaves in its run's directory. */
export const TRAINED_WEIGHTS = 'weights.safetensors';

export const RUN_PREFIX = 'run:';

export interface TrainedRun {
  readonly run: Run;
  /** Of the weights. */
  readonly path: string;
}

/**
 * The run that `run:ID` names: by its id, a beginning or the end of that, its directory, or the name of its spec, which
 * means the newest finished training of that name.
 *
 * @param reference with or without `run:`
 * @throws RUN_NOT_FOUND with the nearest names; RUN_WITHOUT_WEIGHTS for one that did not train, or has not finished
 */
export async function findTrainedRun(runsFolder: string, reference: string): Promise<TrainedRun> {
  const name = reference.startsWith(RUN_PREFIX) ? reference.slice(RUN_PREFIX.length) : reference;
  const run = await findRun(runsFolder, name).catch(async (error: unknown) => {
    const named = (await listRuns(runsFolder)).filter((listed) => listed.name === name);
    const found = named.findLast(({ path }) => existsSync(join(path, TRAINED_WEIGHTS))) ?? named.at(-1);
    if (found) return found;
    throw withNearName(error, name, runsFolder, await listRuns(runsFolder));
  });
  const path = join(run.path, TRAINED_WEIGHTS);
  if (existsSync(path)) return { run, path };
  const trains = existsSync(join(run.path, 'checkpoints'));
  const state = await runState(run.path);
  throw new ShieldError('RUN_WITHOUT_WEIGHTS', {
    id: run.id,
    reason: trains ? `its training has not finished (${state ?? 'unknown'})` : 'it did not train',
    expected: trains
      ? `shield resume ${run.id} goes on with it; or name one of its checkpoints by its path`
      : 'name a run of perform: [train] (shield runs lists them)',
  });
}

function withNearName(error: unknown, name: string, folder: string, runs: readonly Run[]): unknown {
  const hint = didYouMean(name, [...new Set(runs.map((run) => run.name))]);
  return hint === '' ? error : new ShieldError('RUN_NOT_FOUND', { id: name, folder: resolve(folder), hint });
}
