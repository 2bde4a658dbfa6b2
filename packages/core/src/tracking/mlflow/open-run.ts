import { ShieldError } from '../../errors/index.js';
import type { Run } from '../runs-folder.js';
import type { MlflowApi } from './api.js';
import type { MlflowRun } from './words.js';
import { RUN_TAG, type Description } from './describe-run.js';

/** Deleted and made anew by somebody at the same time, more often than this: something else is wrong. */
const TRIES = 5;

/**
 * The id of the experiment that the settings name. One that is not there is made; one that was deleted is restored, as
 * its name cannot be given again.
 */
export async function openExperiment(api: MlflowApi): Promise<string> {
  const { experiment } = api.settings;
  if ('id' in experiment) return experiment.id;
  for (let tries = 0; tries < TRIES; tries++) {
    const found = await api.experimentByName(experiment.name);
    if (found) {
      if (found.lifecycle_stage === 'deleted') await api.restoreExperiment(found.experiment_id);
      return found.experiment_id;
    }
    const made = await api.createExperiment(experiment.name);
    if (made !== undefined) return made;
  }
  throw new ShieldError('TRACKING_REFUSED', {
    uri: api.settings.uri,
    what: `the experiment "${experiment.name}"`,
    reason: 'it is neither there nor can it be made',
    expected: 'choose another one with MLFLOW_EXPERIMENT_NAME or tracking.mlflow.experiment',
  });
}

/**
 * The one run of the experiment that carries our tag, made where there is none. An answer that was lost does not make a
 * second: the server is asked first. Should two have come to be all the same, the older one counts and the other is
 * deleted.
 */
export async function openMlflowRun(
  api: MlflowApi,
  experimentId: string,
  run: Run,
  description: Description,
): Promise<{ readonly found: MlflowRun; readonly isNew: boolean }> {
  const existing = await theOne(api, experimentId, run);
  if (existing) return { found: existing, isNew: false };
  let failure: unknown;
  for (let tries = 0; tries <= api.settings.retries; tries++) {
    try {
      const made = await api.createRun({
        experiment_id: experimentId,
        run_name: description.name,
        start_time: Date.parse(run.createdAt),
        tags: description.tags.filter(({ key }) => key === RUN_TAG),
      });
      const one = await theOne(api, experimentId, run);
      return one && one.info.run_id !== made.info.run_id ? { found: one, isNew: false } : { found: made, isNew: true };
    } catch (error) {
      if (!(error instanceof ShieldError) || error.code !== 'TRACKING_UNREACHABLE') throw error;
      failure = error;
      const arrived = await theOne(api, experimentId, run);
      if (arrived) return { found: arrived, isNew: true };
    }
  }
  throw failure;
}

async function theOne(api: MlflowApi, experimentId: string, run: Run): Promise<MlflowRun | undefined> {
  const [first, ...others] = await api.runsWithTag(experimentId, RUN_TAG, run.id);
  for (const { info } of others) await api.deleteRun(info.run_id);
  return first;
}
