import { statSync } from 'node:fs';
import { ShieldError, reasonOf } from '../errors/index.js';
import { MlflowFeeder, mlflowSettings, sentTo, takeSyncLock, type MlflowSettings } from '../tracking/mlflow/index.js';
import { readSpec } from '../tracking/mlflow/describe-run.js';
import { findRun } from '../tracking/find-run.js';
import { listRuns, runsFolder, statusOf, type Run } from '../tracking/runs-folder.js';
import { formatError } from './print-error.js';

/** `shield sync`: sends runs, or all that have something to send, to the MLflow server. */
export async function syncCommand(flags: { readonly runs: readonly string[] }): Promise<void> {
  const named: Run[] = [];
  for (const name of flags.runs) named.push(await findRun(runsFolder(), name));
  const runs = named.length > 0 ? named : await listRuns(runsFolder());
  let configured = false;
  let sent = 0;
  const failures: unknown[] = [];
  for (const run of runs) {
    const settings = mlflowSettings(process.env, (await readSpec(run))?.tracking?.mlflow);
    if (!settings) continue;
    configured = true;
    if (named.length === 0 && (await isUpToDate(run, settings))) continue;
    try {
      process.stdout.write(`${run.id}: ${await sendRun(run, settings)}\n`);
      sent++;
    } catch (error) {
      // A server that is absent, or refuses run after run for the same reason, does so for the next one too.
      if (isOfTheServer(error) || reasonOf(error) === reasonOf(failures.at(-1))) throw error;
      failures.push(error);
      process.stderr.write(`${run.id}: ${formatError(error)}\n`);
    }
  }
  if (!configured && runs.length > 0) throw new ShieldError('TRACKING_NOT_CONFIGURED');
  if (sent + failures.length === 0) process.stdout.write('nothing to send\n');
  if (failures.length > 0) process.exitCode = 1;
}

function isOfTheServer(error: unknown): boolean {
  return (
    error instanceof ShieldError && (error.code === 'TRACKING_UNREACHABLE' || error.code === 'TRACKING_UNSUPPORTED')
  );
}

async function sendRun(run: Run, settings: MlflowSettings): Promise<string> {
  const release = await takeSyncLock(run);
  if (!release) return 'another process sends it just now';
  try {
    const feeder = new MlflowFeeder(run, settings);
    const { metrics, files } = await feeder.pass();
    return `${metrics} metric points, ${files} files → ${feeder.address}`;
  } finally {
    release();
  }
}

/** Whether the server was told the run's end, and of all that its journal holds. */
async function isUpToDate(run: Run, { uri }: MlflowSettings): Promise<boolean> {
  const state = (await sentTo(run))[uri];
  if (!state) return false;
  const { state: now, since } = await statusOf(run);
  return (
    state.told === `${now} ${since}` &&
    state.sending === undefined &&
    state.cursor.offset === statSync(run.files.journal).size &&
    state.files['journal.jsonl'] !== undefined
  );
}
