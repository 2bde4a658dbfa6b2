import 'reflect-metadata';
import { join, resolve } from 'node:path';
import { inject, injectable, type DependencyContainer } from 'tsyringe';
import { ShieldError, reasonOf } from '../errors/index.js';
import { flatMetrics } from '../report/flat-metrics.js';
import type { Reporter } from '../pipeline/reporter.js';
import type { LoadedSpec } from '../spec/load-spec.js';
import {
  collectProvenance,
  createRun,
  findRun,
  runStatus,
  withRun,
  writeMetrics,
  type Run,
  type RunContext,
  type Tracker,
} from '../tracking/index.js';
import { MlflowTracker, mlflowSettings } from '../tracking/mlflow/index.js';
import { toYaml } from '../spec/to-yaml.js';
import { Experiment } from './experiment.js';
import type { RunOptions, RunResult, Shield, TrackerFactory } from './shield.js';
import { TOKENS } from './tokens.js';

/** Makes the run's directory and works through the spec in it. */
export async function startRun(
  parts: DependencyContainer,
  loaded: LoadedSpec,
  specFolder: string,
  options: RunOptions,
): Promise<RunResult> {
  const runner = parts.resolve(Runner);
  const run = await runner.create(loaded, specFolder, options);
  return runner.work(run, loaded, specFolder, options);
}

/**
 * @throws RUN_NOT_FOUND; RUN_NOT_RESUMABLE for one that is finished; RUN_LOCKED for one that is at work
 */
export async function resumeRun(
  parts: DependencyContainer,
  shield: Shield,
  name: string,
  options: RunOptions,
): Promise<RunResult> {
  const runner = parts.resolve(Runner);
  const run = await runner.find(name);
  const record = await runner.originOf(run);
  // Paths in the resolved spec, of plugins too, are relative to the folder of the spec it was made of.
  const loaded = await shield.load(run.files.resolved, [], record);
  return runner.work(run, loaded, record, options);
}

/**
 * Runs what an earlier run's resolved spec says once more, as a run of its own, whatever became of that one.
 *
 * @throws RUN_NOT_FOUND
 */
export async function repeatRun(
  parts: DependencyContainer,
  shield: Shield,
  name: string,
  options: RunOptions,
): Promise<RunResult> {
  const runner = parts.resolve(Runner);
  const earlier = await runner.open(name);
  const record = await runner.originOf(earlier);
  const loaded = await shield.load(earlier.files.resolved, [], record);
  return runner.work(await runner.create(loaded, record, options), loaded, record, options);
}

@injectable()
class Runner {
  constructor(
    @inject(TOKENS.container) private readonly parts: DependencyContainer,
    @inject(TOKENS.reporter) private readonly reporter: Reporter,
    @inject(TOKENS.runsFolder) private readonly runs: string,
    @inject(TOKENS.trackers) private readonly trackers: readonly (Tracker | TrackerFactory)[],
  ) {}

  async create(loaded: LoadedSpec, specFolder: string, options: RunOptions): Promise<Run> {
    const commandLine = options.commandLine ?? [];
    const provenance = await collectProvenance({
      seed: loaded.resolved.seed,
      commandLine,
      specDir: resolve(specFolder),
    });
    return createRun(this.runs, {
      name: loaded.resolved.name,
      specText: loaded.text,
      resolvedText: toYaml(loaded.resolved),
      hash: loaded.hash,
      provenance,
      commandLine,
    });
  }

  open(name: string): Promise<Run> {
    return findRun(this.runs, name);
  }

  async find(name: string): Promise<Run> {
    const run = await this.open(name);
    const { state } = await runStatus(run.path);
    if (state === 'COMPLETED') {
      throw new ShieldError('RUN_NOT_RESUMABLE', { id: run.id, reason: 'it is finished', expected: `see ${run.path}` });
    }
    return run;
  }

  /** The folder that paths in the run's spec are relative to. */
  async originOf(run: Run): Promise<string> {
    const { readFile } = await import('node:fs/promises');
    const record = JSON.parse(await readFile(run.files.provenance, 'utf8')) as { specDir?: string };
    return record.specDir ?? process.cwd();
  }

  /** Nothing about tracking stops an experiment: what is wrong with its settings is a warning. */
  private mlflow(run: Run, { resolved }: LoadedSpec): readonly Tracker[] {
    const warn = (message: string) => this.reporter.warn(message);
    try {
      const settings = mlflowSettings(process.env, resolved.tracking?.mlflow);
      if (settings) return [new MlflowTracker(run, settings, warn)];
      if (resolved.tracking?.mlflow) warn('MLflow: no address is set (tracking.mlflow.uri, MLFLOW_TRACKING_URI)');
    } catch (error) {
      warn(`MLflow: ${reasonOf(error)}`);
    }
    return [];
  }

  async work(run: Run, loaded: LoadedSpec, specFolder: string, options: RunOptions): Promise<RunResult> {
    const owns = options.ownsProcess ?? false;
    const experiment = this.parts.resolve(Experiment);
    return withRun(
      run,
      async (context: RunContext) => {
        const result = await experiment.perform({
          context,
          loaded,
          specFolder: resolve(specFolder),
          artifacts: options.artifacts ?? join(this.runs, 'artifacts'),
        });
        const metrics = { ...result.metrics, ...(result.summary ? flatMetrics(result.summary) : {}) };
        for (const [key, value] of Object.entries(metrics)) await context.emit({ type: 'metric', key, value });
        await writeMetrics(run, metrics);
        return { run, spec: loaded.resolved, summary: result.summary, metrics };
      },
      {
        trackers: [
          ...this.trackers.map((tracker) => (typeof tracker === 'function' ? tracker(run) : tracker)),
          ...this.mlflow(run, loaded),
        ],
        handleSignals: owns,
        captureConsole: owns,
        warn: (message) => this.reporter.warn(message),
        ...(options.signal ? { signal: options.signal } : {}),
      },
    );
  }
}
