import 'reflect-metadata';
import { join, resolve } from 'node:path';
import { inject, injectable, type DependencyContainer } from 'tsyringe';
import { ShieldError } from '../errors/index.js';
import { flatMetrics } from '../report/flat-metrics.js';
import { codeOf } from '../pipeline/code-digest.js';
import { usedFiles } from '../pipeline/used-files.js';
import type { PluginRegistry } from '../plugin/registry.js';
import type { Reporter } from '../pipeline/reporter.js';
import type { LoadedSpec } from '../spec/load-spec.js';
import {
  collectProvenance,
  provenanceFor,
  createRun,
  findRun,
  runStatus,
  withRun,
  writeMetrics,
  type Run,
  type RunContext,
  type Tracker,
} from '../tracking/index.js';
import { readProvenance } from '../tracking/record-format.js';
import { EXECUTOR } from '../spec/plugin-places.js';
import { toYaml } from '../spec/to-yaml.js';
import type { ResolvedSpec } from '../spec/resolved-spec.js';
import { Experiment } from './experiment.js';
import { isSpread, sharedThreads } from './parallel.js';
import type { RunOptions, RunResult, Shield, TrackerFactory } from './shield.js';
import { TOKENS } from './tokens.js';
import { trackersOf } from './trackers.js';

/** Makes the run's directory and works through the spec in it. */
export async function startRun(
  parts: DependencyContainer,
  shield: Shield,
  loaded: LoadedSpec,
  specFolder: string,
  options: RunOptions,
): Promise<RunResult> {
  const runner = parts.resolve(Runner);
  const run = await runner.create(loaded, specFolder, options);
  options.created?.(run.id);
  return runner.work(shield, run, loaded, specFolder, options);
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
  options.created?.(run.id);
  const record = await runner.originOf(run);
  // Paths in the resolved spec, of plugins too, are relative to the folder of the spec it was made of.
  const loaded = await shield.load(run.files.resolved, [], record);
  return runner.work(shield, run, loaded, record, options);
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
  refuseSweep(earlier, 'run as one', `shield show ${earlier.id} lists its cells, each of which is a run`);
  const record = await runner.originOf(earlier);
  const loaded = await shield.load(earlier.files.resolved, [], record);
  const run = await runner.create(loaded, record, options, earlier.id);
  return runner.work(shield, run, loaded, record, options);
}

/** A sweep has no spec of its own that could be run. */
function refuseSweep(run: Run, what: string, expected: string): void {
  if (run.kind !== 'sweep') return;
  throw new ShieldError('RUN_NOT_RESUMABLE', { id: run.id, reason: `it is a sweep, and cannot be ${what}`, expected });
}

@injectable()
class Runner {
  constructor(
    @inject(TOKENS.container) private readonly parts: DependencyContainer,
    @inject(TOKENS.reporter) readonly reporter: Reporter,
    @inject(TOKENS.registry) readonly registry: PluginRegistry,
    @inject(TOKENS.runsFolder) private readonly runs: string,
    @inject(TOKENS.trackers) readonly trackers: readonly (Tracker | TrackerFactory)[],
  ) {}

  async create(loaded: LoadedSpec, specFolder: string, options: RunOptions, reproduces?: string): Promise<Run> {
    const commandLine = options.commandLine ?? [];
    const { seed } = loaded.resolved;
    const spec = {
      seed,
      commandLine,
      code: codeOf(loaded.resolved, this.registry),
      specFiles: Object.fromEntries(loaded.sources.map(({ file, sha256 }) => [file, sha256])),
    };
    const specDir = resolve(specFolder);
    const used = { sources: loaded.sources, specs: [loaded.resolved], registry: this.registry };
    const provenance = options.provenance
      ? provenanceFor(options.provenance, spec)
      : await collectProvenance({
          ...spec,
          specDir,
          usedFiles: usedFiles({ ...used, specFolder: specDir, runsFolder: this.runs }),
        });
    return createRun(this.runs, {
      name: loaded.resolved.name,
      specText: loaded.text,
      resolvedText: toYaml(loaded.resolved),
      hash: loaded.hash,
      provenance,
      commandLine,
      ...(options.cellOf ? { cellOf: options.cellOf } : {}),
      ...(reproduces === undefined ? {} : { reproduces }),
    });
  }

  open(name: string): Promise<Run> {
    return findRun(this.runs, name);
  }

  async find(name: string): Promise<Run> {
    const run = await this.open(name);
    refuseSweep(run, 'resumed as a run', 'shield resume goes on with it');
    const { state } = await runStatus(run.path);
    if (state === 'COMPLETED') {
      throw new ShieldError('RUN_NOT_RESUMABLE', { id: run.id, reason: 'it is finished', expected: `see ${run.path}` });
    }
    return run;
  }

  /** The folder that paths in the run's spec are relative to. */
  async originOf(run: Run): Promise<string> {
    return (await readProvenance(run)).specDir;
  }

  async work(shield: Shield, run: Run, loaded: LoadedSpec, folder: string, options: RunOptions): Promise<RunResult> {
    const owns = options.ownsProcess ?? false;
    const experiment = this.parts.resolve(Experiment);
    const spec = loaded.resolved;
    const limit = spec.execution.time_limit;
    const specFolder = resolve(folder);
    const artifacts = options.artifacts ?? join(this.runs, 'artifacts');
    const threads = options.threads ?? sharedThreads(spec);
    this.#tellOfExecutor(spec);
    return withRun(
      run,
      async (context: RunContext) => {
        const { reporter } = this;
        if (isSpread(spec)) {
          const { spreadRun } = await import('./spread-run.js');
          await spreadRun(shield, { context, loaded, specFolder, artifacts: resolve(artifacts), reporter });
        }
        const given = { context, loaded, specFolder, artifacts, ...(threads === undefined ? {} : { threads }) };
        const result = await experiment.perform(given);
        const metrics = { ...result.metrics, ...(result.summary ? flatMetrics(result.summary) : {}) };
        // At once: they share one flush of the journal, and stand in it in their order all the same.
        await Promise.all(Object.entries(metrics).map(([key, value]) => context.emit({ type: 'metric', key, value })));
        await writeMetrics(run, metrics);
        const told = { run, spec, summary: result.summary, metrics };
        await options.report?.(told);
        return told;
      },
      {
        trackers: [...(await trackersOf(run, spec.tracking, this))],
        ...(limit > 0 ? { timeLimitMs: 1000 * limit } : {}),
        handleSignals: owns,
        captureConsole: owns,
        warn: (message) => this.reporter.warn(message),
        ...(options.signal ? { signal: options.signal } : {}),
      },
    );
  }

  /** Where a spec names workers, and this run has no use for them. */
  #tellOfExecutor(spec: ResolvedSpec): void {
    const { use, shards } = spec.execution;
    if (use === EXECUTOR || isSpread(spec)) return;
    const why =
      shards === 1
        ? 'this is one run, in one process (execution.shards=auto spreads it over workers)'
        : 'training is not split into shards: this is one process';
    this.reporter.warn(`execution.use: ${use} carries out the cells of sweeps; ${why}`);
  }
}
