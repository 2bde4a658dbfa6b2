import { reasonOf } from '../errors/index.js';
import type { PluginRegistry } from '../plugin/registry.js';
import type { Reporter } from '../pipeline/reporter.js';
import type { ResolvedSpec } from '../spec/resolved-spec.js';
import { listRuns, type Run, type Tracker } from '../tracking/index.js';
import { MlflowFeeder, MlflowTracker, mlflowSettings, takeSyncLock } from '../tracking/mlflow/index.js';
import type { TrackerFactory } from './shield.js';

export interface TrackingParts {
  readonly registry: PluginRegistry;
  readonly reporter: Reporter;
  /** Of all runs of the program. */
  readonly trackers: readonly (Tracker | TrackerFactory)[];
}

/** Who observes a run: the program's trackers, MLflow where a server is named, and those that the spec names. */
export async function trackersOf(
  run: Run,
  tracking: ResolvedSpec['tracking'],
  parts: TrackingParts,
): Promise<readonly Tracker[]> {
  return [
    ...parts.trackers.map((tracker) => (typeof tracker === 'function' ? tracker(run) : tracker)),
    ...mlflow(run, tracking, parts.reporter),
    ...(await named(run, tracking, parts)),
  ];
}

/** Nothing about tracking stops an experiment: what is wrong with its settings is a warning. */
function mlflow(run: Run, tracking: ResolvedSpec['tracking'], reporter: Reporter): readonly Tracker[] {
  const warn = (message: string) => reporter.warn(message);
  try {
    const settings = mlflowSettings(process.env, tracking?.mlflow);
    if (settings) return [new MlflowTracker(run, settings, warn)];
    if (tracking?.mlflow) warn('MLflow: no address is set (tracking.mlflow.uri, MLFLOW_TRACKING_URI)');
  } catch (error) {
    warn(`MLflow: ${reasonOf(error)}`);
  }
  return [];
}

/** Tells MLflow of finished runs whose cells a sweep counts by other runs, so that no list of finished runs has a cell twice. */
export async function tellSuperseded(
  runsFolder: string,
  sweep: string,
  tracking: ResolvedSpec['tracking'],
  reporter: Reporter,
): Promise<void> {
  try {
    const settings = mlflowSettings(process.env, tracking?.mlflow);
    if (!settings) return;
    const runs = await listRuns(runsFolder);
    for (const run of runs.filter((each) => each.sweep === sweep && each.state === 'SUPERSEDED')) {
      const release = await takeSyncLock(run);
      if (release) await new MlflowFeeder(run, settings).pass().finally(release);
    }
  } catch (error) {
    reporter.warn(`MLflow: ${reasonOf(error)}; shield sync sends the rest`);
  }
}

/** The trackers that the spec names. */
async function named(
  run: Run,
  tracking: ResolvedSpec['tracking'],
  { registry, reporter }: TrackingParts,
): Promise<readonly Tracker[]> {
  const trackers: Tracker[] = [];
  for (const [name, { use, ...options }] of Object.entries(tracking?.trackers ?? {})) {
    const warn = (message: string) => reporter.warn(`${name}: ${message}`);
    try {
      trackers.push(await registry.get('tracker', use).open(options, { run, name, warn }));
    } catch (error) {
      warn(`it cannot observe this run (${reasonOf(error)})`);
    }
  }
  return trackers;
}
